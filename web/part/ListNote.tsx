/** Says above a list that the page does not hold all of it, and how to find the rest. */

import type { Following } from "../../api/mod.ts";
import { formatNumber, messages } from "../state/locale.ts";

interface Props {
  rows: number;
  /** Up to this length the page holds all rows. */
  few: number;
  /** Whether the gateway has more of them. */
  hasMore?: boolean;
  /** How many more. */
  following?: Following;
}

/** On a page with this note, Ctrl-F moves the focus to the page's filter; the browser's own search would miss rows. */
export function ListNote({ rows, few, hasMore = false, following = null }: Props) {
  const t = messages.value;
  if (!hasMore && rows <= few) return null;
  const total = following && `${formatNumber(rows + following.count)}${following.exact ? "" : "+"}`;
  return <p class="hint" data-partial>{hasMore ? t.loadedRows(rows, total) : t.rowsInView(rows)}
  </p>;
}
