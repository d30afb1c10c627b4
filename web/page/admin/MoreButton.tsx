/** Loads the next page of a list. */

import type { Pages } from "./use_pages.ts";
import { buttonClass } from "../../part/button.ts";
import { texts } from "./texts.ts";
import * as buttonStyle from "../../part/button.module.css";

export function MoreButton(
  { pages: { hasMore, more } }: { pages: Pick<Pages<unknown>, "hasMore" | "more"> },
) {
  if (!hasMore) return null;
  return (
    <div class={buttonStyle.actions}>
      <button type="button" class={buttonClass()} onClick={more}>
        {texts.value.more}
      </button>
    </div>
  );
}
