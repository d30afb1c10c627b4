/** The frame of every page: the tab's title, one heading, and a sentence below it. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { instanceName, PRODUCT } from "../state/instance.ts";
import { messages } from "../state/locale.ts";
import * as style from "./Page.module.css";

interface Props {
  title: string;
  lead?: ComponentChildren;
  /** Narrow for forms, wide for content. */
  width?: "narrow" | "wide";
  /** Beside the heading. */
  action?: ComponentChildren;
  children?: ComponentChildren;
}

export function Page({ title, lead, width = "wide", action, children }: Props) {
  useTitle(title);
  return (
    <div class={width === "wide" ? style.wide : style.narrow}>
      <header class={style.head}>
        <div>
          <h1>{title}</h1>
          {lead && <p class={style.lead}>{lead}</p>}
        </div>
        {action}
      </header>
      {children}
      <Foot />
    </div>
  );
}

/** Passes on the licences of all that the gateway and this console are made of. */
export function Foot() {
  return (
    <footer class={style.foot}>
      <a href="/licenses.txt" target="_blank" rel="noopener">{messages.value.licenses}</a>
    </footer>
  );
}

/** Names the page in the browser's tab. */
export function useTitle(title: string): void {
  const instance = instanceName.value || PRODUCT;
  useEffect(() => {
    document.title = `${title} · ${instance}`;
  }, [title, instance]);
}
