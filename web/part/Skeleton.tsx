/** Placeholders for data that is still loading. */

import { messages } from "../state/locale.ts";
import * as style from "./Skeleton.module.css";
import * as pageStyle from "./Page.module.css";

/** For a part of a page. */
export function Bones({ count }: { count: number }) {
  return (
    <div class={style.skeleton} role="status" data-part="skeleton">
      <span class="off-screen">{messages.value.loading}</span>
      {Array.from({ length: count }, (_, i) => <i key={i} class={style.bone} />)}
    </div>
  );
}

/** For a whole page. */
export function Skeleton() {
  return (
    <div class={pageStyle.wide} role="status" data-part="skeleton">
      <span class="off-screen">{messages.value.loading}</span>
      <i class={`${style.bone} ${style.title}`} />
      <i class={style.bone} />
      <i class={style.bone} />
      <i class={`${style.bone} ${style.short}`} />
    </div>
  );
}
