/** Rows to compare under their columns' names. On a phone each becomes a card: a cell's `data-label` says there what it is. */

import type { ComponentChildren } from "preact";
import { messages } from "../state/locale.ts";

export interface Column {
  name: string;
  /** Whether its cells are numbers. */
  isNumber?: boolean;
}

interface Props {
  columns: readonly Column[];
  /** Whether what can be done with a row stands in a last column. */
  hasTools?: boolean;
  /** Without an edge of its own, as a part of a panel. */
  isInset?: boolean;
  /** The rows. */
  children: ComponentChildren;
}

export function Table({ columns, hasTools = false, isInset = false, children }: Props) {
  const table = (
    <table class={`table cards${isInset ? " inset" : ""}`}>
      <thead>
        <tr>
          {columns.map(({ name, isNumber }) => (
            <th key={name} scope="col" class={isNumber ? "number" : undefined}>{name}</th>
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
  return isInset ? table : <div class="table-box">{table}</div>;
}
