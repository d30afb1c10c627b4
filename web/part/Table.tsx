/** A table. On a phone each row becomes a card, and the cells' `data-label` replaces the header. */

import type { ComponentChildren } from "preact";
import { messages } from "../state/locale.ts";
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

export function Table({ columns, hasTools = false, isInset = false, children }: Props) {
  const table = (
    <table class={`${style.table} ${style.cards} ${isInset ? style.inset : ""}`}>
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
