/** A table. Where its columns have no room each row becomes a card, and the cells' `data-label` replaces the header. */

import type { ComponentChildren } from "preact";
import { messages } from "../state/locale.ts";
import { media } from "../state/media.ts";
import * as style from "./Table.module.css";

interface Column {
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
  /** The rows. */
  children: ComponentChildren;
}

/** So many columns have no room on a tablet either. */
const MANY = 5;
const isPhone = media("(max-width: 46rem)");
const isTablet = media("(max-width: 60rem)");

export function Table({ columns, hasTools = false, isInset = false, children }: Props) {
  const isMany = columns.length + Number(hasTools) >= MANY;
  const areCards = isMany ? isTablet.value : isPhone.value;
  const table = (
    <table
      class={`${style.table} ${areCards ? style.cards : ""} ${isInset ? style.inset : ""}`}
    >
      <thead>
        <tr>
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
      <tbody>{children}</tbody>
    </table>
  );
  return <div class={isInset ? style.scroll : style.box}>{table}</div>;
}
