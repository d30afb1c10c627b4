/** Says above a list that the page does not hold all of it, and how to find the rest. */

import { messages } from "../state/locale.ts";

interface Props {
  rows: number;
  /** Up to this length the page holds all rows. */
  few: number;
  /** Whether the gateway has more of them. */
  hasMore?: boolean;
}

/** On a page with this note, Ctrl-F moves the focus to the page's filter; the browser's own search would miss rows. */
export function ListNote({ rows, few, hasMore = false }: Props) {
  const t = messages.value;
  if (!hasMore && rows <= few) return null;
  return <p class="hint" data-partial>{hasMore ? t.loadedRows(rows) : t.rowsInView(rows)}</p>;
}
