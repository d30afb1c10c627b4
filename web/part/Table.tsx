/** A table. Where its columns have no room each row becomes a card, and the cells' `data-label` replaces the header. */

import type { ComponentChildren, RefObject } from "preact";
import { messages } from "../state/locale.ts";
import { media } from "../state/media.ts";
import * as style from "./Table.module.css";

export interface Column {
  name: string;
  /** Whether its cells are numbers. */
  isNumber?: boolean;
}

interface Props {
  columns: readonly Column[];
  /** Whether the last column holds the actions of a row. */
  hasTools?: boolean;
  /** Without a border of its own, inside a panel. */
  isInset?: boolean;
  /** How many rows there are, where not all of them are rendered. */
  rowCount?: number;
  body?: RefObject<HTMLTableSectionElement | null>;
  /** The rows. */
  children: ComponentChildren;
}

/** So many columns have no room on a tablet either. */
const MANY = 5;
const isPhone = media("(max-width: 46rem)");
const isTablet = media("(max-width: 60rem)");

export function Table(props: Props) {
  const { columns, hasTools = false, isInset = false, rowCount, body, children } = props;
  const isMany = columns.length + Number(hasTools) >= MANY;
  const areCards = isMany ? isTablet.value : isPhone.value;
  const table = (
    <table
      class={[
        style.table,
        areCards && style.cards,
        isInset && style.inset,
        rowCount !== undefined && style.long,
      ].filter(Boolean).join(" ")}
      aria-rowcount={rowCount === undefined ? undefined : rowCount + 1}
    >
      <thead>
        <tr aria-rowindex={rowCount === undefined ? undefined : 1}>
          {columns.map(({ name, isNumber }) => (
            <th key={name} scope="col" class={isNumber ? style.number : undefined}>{name}</th>
          ))}
          {hasTools && (
            <th scope="col">
              <span class="off-screen">{messages.value.tools}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody ref={body ?? null}>{children}</tbody>
    </table>
  );
  return <div class={isInset ? style.scroll : style.box}>{table}</div>;
}
