/** A list of any length, of which only what is in sight is drawn. */

import { useSignal } from "@preact/signals";
import {
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  windowScroll,
} from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

interface Props<T> {
  label: string;
  class?: string;
  items: readonly T[];
  keyOf: (item: T) => string;
  /** About how tall one is; each is measured once it is drawn. */
  estimatePx: number;
  /** Told when its end comes near, so that there may be more of it. */
  onEnd?: () => void;
  children: (item: T) => ComponentChildren;
}

/** So many are simply drawn: the browser's own search then finds them all. */
const FEW = 40;

export function LongList<T>(props: Props<T>) {
  return props.items.length <= FEW ? <Whole {...props} /> : <Windowed {...props} />;
}

function Whole<T>({ label, class: name, items, keyOf, children }: Props<T>) {
  return (
    <ul class={name} aria-label={label}>
      {items.map((item) => <li key={keyOf(item)}>{children(item)}</li>)}
    </ul>
  );
}

/** Drawn beyond the window's edges, so that scrolling finds it there. */
const OVERSCAN = 6;

/** So many items before the last, more of them are asked for. */
const NEAR_END = 40;

function Windowed<T>(
  { label, class: name, items, keyOf, estimatePx, onEnd, children }: Props<T>,
) {
  const list = useRef<HTMLUListElement>(null);
  const version = useSignal(0);
  const usualPx = useRef(estimatePx);
  // Only what has changed is measured anew: the same function says that nothing has.
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
  // Most are as tall as the first: taken for that, they need no measuring one by one.
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
      class={`windowed ${name ?? ""}`}
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
