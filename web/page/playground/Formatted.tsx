/** A model's answer with its formatting, whose code is loaded with the first answer; until then as plain text. */

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import * as style from "./Markdown.module.css";

const markdown = signal<ComponentType<{ text: string }> | null>(null);
let isLoading = false;

function load(): void {
  if (isLoading || markdown.peek() !== null) return;
  isLoading = true;
  import("./Markdown.tsx")
    .then(({ Markdown }) => markdown.value = Markdown)
    // The next answer asks again.
    .catch(() => isLoading = false);
}

export function Formatted({ text }: { text: string }) {
  useEffect(load, []);
  const Markdown = markdown.value;
  return Markdown === null ? <p class={style.plain}>{text}</p> : <Markdown text={text} />;
}
