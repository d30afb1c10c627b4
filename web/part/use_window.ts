/** Which items of a long list are rendered: those in the browser's window, and a few beyond each edge. */

import { useSignal } from "@preact/signals";
import {
  observeWindowOffset,
  observeWindowRect,
  type VirtualItem,
  Virtualizer,
  windowScroll,
} from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

interface Options<T> {
  /** What holds the items' elements. */
  list: RefObject<HTMLElement | null>;
  /** The first item's element. */
  first: () => HTMLElement | null | undefined;
  items: readonly T[];
  keyOf: (item: T) => string;
  /** Approximate height of an item; each is measured once it is rendered. */
  estimatePx: number;
}

interface Windowed {
  rendered: readonly VirtualItem[];
  totalPx: number;
  /** From the beginning of the page to the list. */
  marginPx: number;
  /** The `ref` of each item's element, which needs its place as `data-index`. */
  measure: (element: HTMLElement | null) => void;
}

/** Items rendered beyond each edge of the window. */
const OVERSCAN = 6;

export function useWindow<T>(
  { list, first, items, keyOf, estimatePx }: Options<T>,
): Windowed {
  const version = useSignal(0);
  const usualPx = useRef(estimatePx);
  // The virtualizer measures all items again when this function changes.
  const getItemKey = useMemo(() => (i: number) => keyOf(items[i]!), [items]);
  const options = {
    count: items.length,
    getScrollElement: () => globalThis.window,
    estimateSize: () => usualPx.current,
    getItemKey,
    scrollMargin: topOf(list.current),
    overscan: OVERSCAN,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialRect: { width: innerWidth, height: innerHeight },
    onChange: () => version.value++,
  };
  const [rows] = useState(() => new Virtualizer<Window, HTMLElement>(options));
  rows.setOptions(options);
  useEffect(() => rows._didMount(), []);
  useLayoutEffect(() => rows._willUpdate());
  // Most items are as tall as the first, which makes a good estimate for the others.
  useLayoutEffect(() => {
    const firstPx = first()?.getBoundingClientRect().height;
    if (!firstPx || firstPx === usualPx.current) return;
    usualPx.current = firstPx;
    rows.measure();
  }, []);
  version.value;
  return {
    rendered: rows.getVirtualItems(),
    totalPx: rows.getTotalSize(),
    marginPx: rows.options.scrollMargin,
    measure: rows.measureElement,
  };
}

function topOf(element: HTMLElement | null): number {
  return element === null ? 0 : Math.round(element.getBoundingClientRect().top + scrollY);
}
