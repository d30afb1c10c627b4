/** A list of any length that renders only the visible items. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useWindow } from "./use_window.ts";
import * as style from "./LongList.module.css";

interface Props<T> {
  label: string;
  /** Whether the list has a border, and lines between its items. */
  isBordered?: boolean;
  items: readonly T[];
  keyOf: (item: T) => string;
  /** Approximate height of an item; each is measured once it is rendered. */
  estimatePx: number;
  /** Called when the end of the list comes near, to load more. */
  onEnd?: () => void;
  children: (item: T) => ComponentChildren;
}

/** Up to this length all items are rendered, so that the browser's search finds them. */
export const FEW_ITEMS = 40;

export function LongList<T>(props: Props<T>) {
  return props.items.length <= FEW_ITEMS ? <Whole {...props} /> : <Windowed {...props} />;
}

function Whole<T>({ label, isBordered, items, keyOf, children }: Props<T>) {
  return (
    <ul class={isBordered ? style.bordered : undefined} aria-label={label}>
      {items.map((item) => <li key={keyOf(item)}>{children(item)}</li>)}
    </ul>
  );
}

/** Distance from the end, in items, at which more are loaded. */
const NEAR_END = 40;

function Windowed<T>(
  { label, isBordered, items, keyOf, estimatePx, onEnd, children }: Props<T>,
) {
  const list = useRef<HTMLUListElement>(null);
  const { rendered, totalPx, marginPx, measure } = useWindow({
    list,
    first: () => list.current?.firstElementChild as HTMLElement | null | undefined,
    items,
    keyOf,
    estimatePx,
  });
  const last = rendered.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= items.length - NEAR_END) onEnd?.();
  }, [last, items.length]);

  return (
    <ul
      ref={list}
      class={isBordered ? `${style.windowed} ${style.bordered}` : style.windowed}
      aria-label={label}
      style={{ height: `${totalPx}px` }}
    >
      {rendered.map(({ index, key, start }) => (
        <li
          key={key}
          ref={measure}
          data-index={index}
          aria-setsize={items.length}
          aria-posinset={index + 1}
          style={{ transform: `translateY(${start - marginPx}px)` }}
        >
          {children(items[index]!)}
        </li>
      ))}
    </ul>
  );
}
