/**
 * Which items of a long list are rendered: those in the browser's window, a few beyond each edge, and
 * the one that has the focus, which would be lost with its element. On paper all are.
 */

import { useSignal } from "@preact/signals";
import {
  defaultRangeExtractor,
  observeWindowOffset,
  observeWindowRect,
  type Range,
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

/** Items on paper: more would keep the browser busy for seconds. */
const MAX_PRINTED = 1_000;

export function useWindow<T>(
  { list, first, items, keyOf, estimatePx }: Options<T>,
): Windowed {
  const version = useSignal(0);
  const usualPx = useRef(estimatePx);
  const isPrinting = useSignal(false);
  // The virtualizer measures all items again when this function changes.
  const getItemKey = useMemo(() => (i: number) => keyOf(items[i]!), [items]);
  const shown = useRef({ items, keyOf });
  shown.current = { items, keyOf };
  const withFocused = useMemo(() => (range: Range): number[] => {
    const inWindow = defaultRangeExtractor(range);
    const focused: number = placeOfFocused(rows, shown.current);
    if (focused === -1) return inWindow;
    // With its neighbours, to which Tab leads.
    const near = [focused - 1, focused, focused + 1].filter((at) => at >= 0 && at < range.count);
    return [...new Set([...inWindow, ...near])].sort((a, b) => a - b);
  }, []);
  const options = {
    count: items.length,
    getScrollElement: () => globalThis.window,
    estimateSize: () => usualPx.current,
    getItemKey,
    scrollMargin: topOf(list.current),
    overscan: OVERSCAN,
    rangeExtractor: isPrinting.value ? printed : withFocused,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialRect: { width: innerWidth, height: innerHeight },
    onChange: () => version.value++,
  };
  const [rows] = useState<Virtualizer<Window, HTMLElement>>(() =>
    new Virtualizer<Window, HTMLElement>(options)
  );
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
  useEffect(() => {
    const print = () => isPrinting.value = true;
    const endPrint = () => isPrinting.value = false;
    let widthPx = innerWidth;
    // Rows become cards where they have no room: what was measured before is of no use then.
    const resize = () => {
      if (innerWidth === widthPx) return;
      widthPx = innerWidth;
      requestAnimationFrame(() => {
        usualPx.current = first()?.getBoundingClientRect().height || usualPx.current;
        rows.measure();
        for (const element of rows.elementsCache.values()) rows.measureElement(element);
      });
    };
    addEventListener("beforeprint", print);
    addEventListener("afterprint", endPrint);
    addEventListener("resize", resize);
    return () => {
      removeEventListener("beforeprint", print);
      removeEventListener("afterprint", endPrint);
      removeEventListener("resize", resize);
    };
  }, []);
  version.value;
  return {
    rendered: rows.getVirtualItems(),
    totalPx: rows.getTotalSize(),
    marginPx: rows.options.scrollMargin,
    // On paper rows have another width.
    measure: isPrinting.value ? unmeasured : rows.measureElement,
  };
}

function unmeasured(): void {}

function printed({ count }: Range): number[] {
  return Array.from({ length: Math.min(count, MAX_PRINTED) }, (_, at) => at);
}

/** The place of the item that has the focus, by its key: others may have come before it. -1: none has. */
function placeOfFocused<T>(
  { elementsCache }: Virtualizer<Window, HTMLElement>,
  { items, keyOf }: Pick<Options<T>, "items" | "keyOf">,
): number {
  const element = document.activeElement?.closest<HTMLElement>("[data-index]");
  const [key] = [...elementsCache].find(([, cached]) => cached === element) ?? [];
  if (!element || key === undefined) return -1;
  const last = items[Number(element.dataset.index)];
  const isThere = last !== undefined && keyOf(last) === key;
  return isThere ? Number(element.dataset.index) : items.findIndex((item) => keyOf(item) === key);
}

function topOf(element: HTMLElement | null): number {
  return element === null ? 0 : Math.round(element.getBoundingClientRect().top + scrollY);
}
