/** A table of any length that renders only the visible rows, once there are many. */

import { type ComponentChildren, Fragment } from "preact";
import { useRef } from "preact/hooks";
import { type Column, Table } from "./Table.tsx";
import { useWindow } from "./use_window.ts";
import * as style from "./Table.module.css";

/** What a row's `<tr>` must be given. */
export interface RowProps {
  ref?: (element: HTMLTableRowElement | null) => void;
  "data-index"?: number;
  "aria-rowindex"?: number;
}

interface Props<T> {
  columns: readonly Column[];
  hasTools?: boolean;
  items: readonly T[];
  keyOf: (item: T) => string;
  /** The row of an item, with these properties. */
  children: (item: T, props: RowProps) => ComponentChildren;
}

/** Up to this length all rows are rendered, so that the browser's search finds them. */
export const FEW_ROWS = 100;

export function LongTable<T>(props: Props<T>) {
  return props.items.length <= FEW_ROWS ? <Whole {...props} /> : <Windowed {...props} />;
}

function Whole<T>({ columns, hasTools = false, items, keyOf, children }: Props<T>) {
  return (
    <Table columns={columns} hasTools={hasTools}>
      {items.map((item) => <Fragment key={keyOf(item)}>{children(item, {})}</Fragment>)}
    </Table>
  );
}

/** As in a row of text with room around it; each is measured. */
const ROW_PX = 46;

function Windowed<T>({ columns, hasTools = false, items, keyOf, children }: Props<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const { rendered, totalPx, marginPx, measure } = useWindow({
    list: body,
    first: () => body.current?.querySelector<HTMLElement>("[data-index]"),
    items,
    keyOf,
    estimatePx: ROW_PX,
  });
  const below = marginPx + totalPx - (rendered.at(-1)?.end ?? marginPx + totalPx);
  return (
    <Table columns={columns} hasTools={hasTools} rowCount={items.length} body={body}>
      {rendered.map(({ index, key, start }, at) => (
        <Fragment key={key}>
          <Room px={start - (rendered[at - 1]?.end ?? marginPx)} />
          {/* The first row is the head. */}
          {children(items[index]!, {
            ref: measure,
            "data-index": index,
            "aria-rowindex": index + 2,
          })}
        </Fragment>
      ))}
      <Room key="below" px={below} />
    </Table>
  );
}

/** The room of the rows that are not rendered, if there are any. */
function Room({ px }: { px: number }) {
  if (px <= 0) return null;
  return <tr class={style.room} aria-hidden="true" style={{ height: `${px}px` }} />;
}
