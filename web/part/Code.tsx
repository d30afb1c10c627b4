/** A command, program or file, with a copy button. */

import { CopyButton } from "./CopyButton.tsx";

interface Props {
  /** A file's name or a language. */
  title: string;
  shown: string;
  /** The copied text, where it differs: secrets are masked on screen only. */
  copied?: string;
}

export function Code({ title, shown, copied = shown }: Props) {
  return (
    <figure class="code">
      <figcaption>
        <span>{title}</span>
        <CopyButton text={copied} label={title} />
      </figcaption>
      {/* Focusable, so that long lines can be scrolled by keyboard. */}
      <pre tabIndex={0} role="region" aria-label={title}><code>{shown}</code></pre>
    </figure>
  );
}
