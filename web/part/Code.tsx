/** A text to copy as a whole: a command, a program, a file. */

import { CopyButton } from "./CopyButton.tsx";

interface Props {
  /** What it is: a file's name, a language. */
  title: string;
  shown: string;
  /** What is copied, where it differs: secrets are masked on screen only. */
  copied?: string;
}

export function Code({ title, shown, copied = shown }: Props) {
  return (
    <figure class="code">
      <figcaption>
        <span>{title}</span>
        <CopyButton text={copied} label={title} />
      </figcaption>
      {/* Long lines scroll, also by keyboard. */}
      <pre tabIndex={0} role="region" aria-label={title}><code>{shown}</code></pre>
    </figure>
  );
}
