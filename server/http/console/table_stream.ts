/** Rows as CSV or JSON lines, read as fast as they are taken. */

export type TableFormat = "csv" | "jsonl";

type Cell = string | number;

interface Table {
  columns: readonly string[];
  pages: AsyncGenerator<Record<string, Cell>[]>;
}

/**
 * The table, of which one page at a time is held. Rejects as the first page does; where a later one
 * cannot be read the stream fails, so that its reader does not take a part for the whole.
 */
export async function tableStream(
  { columns, pages }: Table,
  format: TableFormat,
): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  const text = format === "csv" ? csvOf(columns) : jsonLines;
  let next = await pages.next();
  let head = format === "csv" ? lineOf(columns) : "";
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const rows = next.done ? [] : next.value;
      if (head !== "" || rows.length > 0) controller.enqueue(encoder.encode(head + text(rows)));
      head = "";
      if (next.done) return controller.close();
      next = await pages.next();
    },
    async cancel() {
      await pages.return(undefined);
    },
  }, { highWaterMark: 0 });
}

function jsonLines(rows: readonly Record<string, Cell>[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

function csvOf(columns: readonly string[]) {
  return (rows: readonly Record<string, Cell>[]) =>
    rows.map((row) => lineOf(columns.map((column) => row[column] ?? ""))).join("");
}

function lineOf(cells: readonly Cell[]): string {
  return `${cells.map(cellOf).join(",")}\r\n`;
}

/** As RFC 4180 has it. */
function cellOf(cell: Cell): string {
  if (typeof cell === "number") return String(cell);
  const safe = isFormula(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Whether a spreadsheet would run the text: strangers choose names of models and keys, and addresses. */
function isFormula(text: string): boolean {
  return /^[\s\0]*[=+\-@＝＋－＠]/.test(text);
}
