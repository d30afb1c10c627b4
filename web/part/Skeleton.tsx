/** The shape of what is still being asked for. */

import { messages } from "../state/locale.ts";

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
