/** What every page has: its name in the window's title, one heading, a sentence under it. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

interface Props {
  title: string;
  lead?: ComponentChildren;
  /** Narrow pages hold a form; wide ones, what there is to see. */
  width?: "narrow" | "wide";
  /** Beside the heading. */
  action?: ComponentChildren;
  children?: ComponentChildren;
}

export function Page({ title, lead, width = "wide", action, children }: Props) {
  useTitle(title);
  return (
    <div class={`page ${width}`}>
      <header class="page-head">
        <div>
          <h1>{title}</h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {action}
      </header>
      {children}
    </div>
  );
}

/** Names the page in the browser's tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Co-Link`;
  }, [title]);
}
