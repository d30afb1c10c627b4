/** What a list has: its table, a word where it is empty, why it could not be read, or bones until then. */

import type { ComponentChildren } from "preact";
import type { ApiError } from "../../api.ts";
import { Empty } from "../../part/Empty.tsx";
import type { IconName } from "../../part/Icon.tsx";
import { Failure } from "../../part/Notice.tsx";
import { Bones } from "../../part/Skeleton.tsx";

interface Props<T> {
  /** Undefined or null: not read yet. */
  items: readonly T[] | null | undefined;
  error: ApiError | null;
  empty: { icon: IconName; title: string; text: string };
  children: (items: readonly T[]) => ComponentChildren;
}

export function Listed<T>({ items, error, empty, children }: Props<T>) {
  return (
    <>
      <Failure error={error} />
      {!items && !error && <Bones count={2} />}
      {items?.length === 0 && <Empty {...empty} />}
      {items && items.length > 0 && children(items)}
    </>
  );
}
