/** Loads the next page of a list. */

import { messages } from "../../state/locale.ts";
import type { Pages } from "./use_pages.ts";

export function MoreButton(
  { pages: { hasMore, more } }: { pages: Pick<Pages<unknown>, "hasMore" | "more"> },
) {
  if (!hasMore) return null;
  return (
    <div class="actions">
      <button type="button" class="button" onClick={more}>{messages.value.admin.more}</button>
    </div>
  );
}
