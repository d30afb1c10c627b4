/** Placeholders for data that is still loading. */

import { messages } from "../state/locale.ts";

/** For a part of a page. */
export function Bones({ count }: { count: number }) {
  return (
    <div class="skeleton" role="status">
      <span class="off-screen">{messages.value.loading}</span>
      {Array.from({ length: count }, (_, i) => <i key={i} class="bone" />)}
    </div>
  );
}

/** For a whole page. */
export function Skeleton() {
  return (
    <div class="page wide skeleton" role="status">
      <span class="off-screen">{messages.value.loading}</span>
      <i class="bone title" />
      <i class="bone" />
      <i class="bone" />
      <i class="bone short" />
    </div>
  );
}
