/** A list of any length that renders only the visible items. */

import { useSignal } from "@preact/signals";
import {
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  windowScroll,
} from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
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
const FEW = 40;

export function LongList<T>(props: Props<T>) {
  return props.items.length <= FEW ? <Whole {...props} /> : <Windowed {...props} />;
}

function Whole<T>({ label, isBordered, items, keyOf, children }: Props<T>) {
  return (
    <ul class={isBordered ? style.bordered : undefined} aria-label={label}>
      {items.map((item) => <li key={keyOf(item)}>{children(item)}</li>)}
    </ul>
  );
}

/** Items rendered beyond each edge of the window. */
const OVERSCAN = 6;

/** Distance from the end, in items, at which more are loaded. */
const NEAR_END = 40;

function Windowed<T>(
  { label, isBordered, items, keyOf, estimatePx, onEnd, children }: Props<T>,
) {
  const list = useRef<HTMLUListElement>(null);
  const version = useSignal(0);
  const usualPx = useRef(estimatePx);
  // The virtualizer measures all items again when this function changes.
  const getItemKey = useMemo(() => (i: number) => keyOf(items[i]!), [items]);
  const options = {
    count: items.length,
    getScrollElement: () => globalThis.window,
    estimateSize: () => usualPx.current,
    getItemKey,
    scrollMargin: list.current?.offsetTop ?? 0,
    overscan: OVERSCAN,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialRect: { width: innerWidth, height: innerHeight },
    onChange: () => version.value++,
  };
  const [rows] = useState(() => new Virtualizer<Window, HTMLLIElement>(options));
  rows.setOptions(options);
  useEffect(() => rows._didMount(), []);
  useLayoutEffect(() => rows._willUpdate());
  // Most items are as tall as the first, which makes a good estimate for the others.
  useLayoutEffect(() => {
    const firstPx = list.current?.firstElementChild?.getBoundingClientRect().height;
    if (!firstPx || firstPx === usualPx.current) return;
    usualPx.current = firstPx;
    rows.measure();
  }, []);
  version.value;
  const last = rows.getVirtualItems().at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= items.length - NEAR_END) onEnd?.();
  }, [last, items.length]);

  return (
    <ul
      ref={list}
      class={isBordered ? `${style.windowed} ${style.bordered}` : style.windowed}
      aria-label={label}
      style={{ height: `${rows.getTotalSize()}px` }}
    >
      {rows.getVirtualItems().map(({ index, key, start }) => (
        <li
          key={key}
          ref={rows.measureElement}
          data-index={index}
          aria-setsize={items.length}
          aria-posinset={index + 1}
          style={{ transform: `translateY(${start - rows.options.scrollMargin}px)` }}
        >
          {children(items[index]!)}
        </li>
      ))}
    </ul>
  );
}
