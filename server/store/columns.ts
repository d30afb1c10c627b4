/**
 * A table's columns, each declared once: the stored row's type, the list of names and both
 * conversions follow from the declaration. Stored types mean the same on SQLite and PostgreSQL.
 */

import { storable } from "./text.ts";

export type Stored = string | number | null;

/** How a value is stored, and how it is read back. */
export interface Column<Value, Cell extends Stored> {
  toStored(value: Value): Cell;
  fromStored(cell: Cell): Value;
}

/** Text that the gateway itself makes, or has checked. */
export const text: Column<string, string> = {
  toStored: (value) => value,
  fromStored: (cell) => cell,
};

/** Text with a known set of values. */
export function oneOf<Value extends string>(): Column<Value, Value> {
  return { toStored: (value) => value, fromStored: (cell) => cell };
}

/** Text that strangers choose. What no database takes is replaced. */
export const foreignText: Column<string, string> = {
  toStored: storable,
  fromStored: (cell) => cell,
};

/** Whole numbers: counts, and times as UTC milliseconds. */
export const integer: Column<number, number> = {
  toStored: (value) => value,
  fromStored: (cell) => cell,
};

/** Numbers of which the fraction does not matter. */
export const rounded: Column<number, number> = { ...integer, toStored: Math.round };

export const flag: Column<boolean, number> = {
  toStored: Number,
  fromStored: (cell) => cell === 1,
};

/** A value without undefined members, as JSON. */
export function json<Value>(): Column<Value, string> {
  return {
    toStored: (value) => JSON.stringify(value),
    fromStored: (cell) => JSON.parse(cell) as Value,
  };
}

export function nullable<Value, Cell extends Stored>(
  { toStored, fromStored }: Column<Value, Cell>,
): Column<Value | null, Cell | null> {
  return {
    // Ledger entries that an earlier version spooled lack the columns that were added since.
    toStored: (value) => value === null || value === undefined ? null : toStored(value),
    fromStored: (cell) => cell === null ? null : fromStored(cell),
  };
}

/** A list as JSON; an empty one takes no room. */
export function jsonList<Item>(): Column<readonly Item[], string | null> {
  return {
    // As with `nullable`: absent from entries of an earlier version.
    toStored: (list) => (list ?? []).length === 0 ? null : JSON.stringify(list),
    fromStored: (cell) => cell === null ? [] : JSON.parse(cell) as Item[],
  };
}

// deno-lint-ignore no-explicit-any -- columns of all types stand in one table
type Columns = Readonly<Record<string, Column<any, any>>>;

/** A row as the program sees it. */
export type RowOf<T> = T extends Table<infer C>
  ? { -readonly [Name in keyof C]: C[Name] extends Column<infer Value, Stored> ? Value : never }
  : never;

/** A row as the database sees it; its names are in snake_case. */
export type StoredOf<T> = T extends Table<infer C> ? StoredRow<C> : never;

type StoredRow<C> = {
  -readonly [Name in keyof C as SnakeCase<Name & string>]: C[Name] extends
    Column<infer _, infer Cell> ? Cell : never;
};

type SnakeCase<Name extends string> = Name extends `${infer Letter}${infer Rest}`
  ? `${Letter extends Lowercase<Letter> ? Letter : `_${Lowercase<Letter>}`}${SnakeCase<Rest>}`
  : "";

/** All the columns of a table, or some of them. */
export class Table<C extends Columns> {
  /** As the database names the columns. */
  readonly names: readonly (keyof StoredRow<C> & string)[];
  readonly #columns: readonly { name: string; stored: string; column: Columns[string] }[];

  constructor(private readonly columns: C) {
    this.#columns = Object.entries(columns).map(([name, column]) => ({
      name,
      stored: name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      column,
    }));
    this.names = this.#columns.map(({ stored }) => stored as keyof StoredRow<C> & string);
  }

  /** These columns alone. */
  pick<Name extends keyof C & string>(...names: readonly Name[]): Table<Pick<C, Name>> {
    const entries = names.map((name) => [name, this.columns[name]]);
    return new Table(Object.fromEntries(entries) as Pick<C, Name>);
  }

  toRow(row: RowOf<Table<C>>): StoredRow<C> {
    const cells: Record<string, Stored> = {};
    for (const { name, stored, column } of this.#columns) {
      cells[stored] = column.toStored(row[name]);
    }
    return cells as StoredRow<C>;
  }

  /** A row's cells in the order of `names`. */
  toCells(row: RowOf<Table<C>>): StoredRow<C>[keyof StoredRow<C>][] {
    const cells: Stored[] = [];
    for (const { name, column } of this.#columns) cells.push(column.toStored(row[name]));
    return cells as StoredRow<C>[keyof StoredRow<C>][];
  }

  /** The columns to set. Members that are absent or undefined stay as they are. */
  toChange(
    change: { [Name in keyof C]?: RowOf<Table<C>>[Name] | undefined },
  ): Partial<StoredRow<C>> {
    const cells: Record<string, Stored> = {};
    for (const { name, stored, column } of this.#columns) {
      if (change[name] !== undefined) cells[stored] = column.toStored(change[name]);
    }
    return cells as Partial<StoredRow<C>>;
  }

  /** Columns of other tables, as a join adds them, are left out. */
  fromRow(cells: StoredRow<C>): RowOf<Table<C>> {
    const row: Record<string, unknown> = {};
    for (const { name, stored, column } of this.#columns) {
      row[name] = column.fromStored((cells as Record<string, Stored>)[stored] as never);
    }
    return row as RowOf<Table<C>>;
  }

  /** Null where a query found no row. */
  fromFound(cells: StoredRow<C> | undefined): RowOf<Table<C>> | null {
    return cells === undefined ? null : this.fromRow(cells);
  }
}
