/** A command, program or file, with a copy button. */

import { CopyButton } from "./CopyButton.tsx";
import * as style from "./Code.module.css";

interface Props {
  /** A file's name or a language. */
  title: string;
  shown: string;
  /** The copied text, where it differs: secrets are masked on screen only. */
  copied?: string;
}

export function Code({ title, shown, copied = shown }: Props) {
  return (
    <figure class={style.code}>
      <figcaption>
        <span>{title}</span>
        <CopyButton text={copied} label={title} />
      </figcaption>
      {/* Focusable, so that long lines can be scrolled by keyboard. */}
      <pre tabIndex={0} role="region" aria-label={title}><code>{shown}</code></pre>
    </figure>
  );
}
