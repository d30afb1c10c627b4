/** A report as people read it: at the terminal and in Markdown. */

import type { Report } from "./report.ts";
import { isMet, type Row } from "./row.ts";
import type { Conditions } from "./rounds.ts";
import type { Spread } from "./statistics.ts";

/** One column: its head, and what stands in it for a row. */
interface Column {
  head: string;
  cell: (row: Row) => string;
}

const columns: readonly Column[] = [
  { head: "Figure", cell: ({ figure }) => figure },
  { head: "Unit", cell: ({ unit }) => unit },
  { head: "Direct", cell: ({ direct }) => shown(direct) },
  { head: "nginx", cell: ({ nginx }) => shown(nginx) },
  { head: "Floor", cell: ({ floor }) => shown(floor) },
  { head: "Gateway", cell: ({ gateway }) => shown(gateway) },
  { head: "Node", cell: ({ node }) => shown(node) },
  { head: "Compared", cell: compared },
  { head: "Goal", cell: goal },
  { head: "Result", cell: verdict },
  { head: "Others", cell: ({ conditions }) => others(conditions) },
];

/** Lines for a terminal, in columns. */
export function textTable(rows: readonly Row[]): string {
  const table = cells(rows);
  const widths = columns.map((_, i) => Math.max(...table.map((line) => line[i]?.length ?? 0)));
  return table.map((line) =>
    line.map((text, i) => text.padEnd(widths[i] ?? 0)).join("  ").trimEnd()
  )
    .join("\n");
}

/** The table, its notes and where it was measured, for a document; columns in which nothing stands are left out. */
export function markdown(report: Report): string {
  const [head = [], ...lines] = withoutEmpty(cells(report.rows));
  const rule = head.map((_, i) => i === 0 ? "---" : "--:");
  const table = [head, rule, ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
  const notes = report.rows.filter((row) => row.note !== undefined)
    .map((row) => `- ${row.figure}: ${row.note}`);
  return [provenance(report), table, notes.join("\n")].join("\n\n");
}

/** When, where and with what it was measured, in one sentence. */
export function provenance({ date, machine, versions, isQuick, rows }: Report): string {
  const disturbed = rows.filter((row) => row.conditions.disturbed > 0).length;
  return `Measured ${date.slice(0, 10)} on ${machine.cores} × ${machine.cpu}, Linux ` +
    `${machine.kernel}, with Co-Link ${versions.colink}, Bun ${versions.bun}, nginx ` +
    `${versions.nginx}, wrk ${versions.wrk}.` +
    (isQuick ? " A quick run: one round, small counts; not to be quoted." : "") +
    (disturbed > 0
      ? ` Other programs disturbed it: ${disturbed} of ${rows.length} rows have rounds with more ` +
        "foreign CPU than allowed."
      : "");
}

function cells(rows: readonly Row[]): string[][] {
  return [
    columns.map(({ head }) => head),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
}

function withoutEmpty([head = [], ...lines]: string[][]): string[][] {
  const isUsed = head.map((_, i) => lines.some((line) => line[i] !== ""));
  return [head, ...lines].map((line) => line.filter((_, i) => isUsed[i]));
}

function shown(value: Spread | undefined): string {
  if (value === undefined) return "";
  const { median, min, max } = value;
  return min === max ? digits(median) : `${digits(median)} (${digits(min)}–${digits(max)})`;
}

function compared({ compared, goal }: Row): string {
  return compared === undefined ? "" : `${shown(compared)} ${goal?.of ?? ""}`.trimEnd();
}

function goal({ goal }: Row): string {
  return goal === undefined ? "" : `${goal.sign} ${goal.limit.toLocaleString("en")} ${goal.of}`;
}

function verdict(row: Row): string {
  const met = isMet(row);
  const value = (row.compared ?? row.gateway)?.median;
  if (met === null || value === undefined || row.goal === undefined) return "";
  const by = Math.abs(value / row.goal.limit - 1) * 100;
  const result = met ? "met" : `missed by ${by.toFixed(0)} %`;
  return row.conditions.disturbed > 0 ? `${result}, but disturbed` : result;
}

/** Cores kept busy by other programs: the middle round, the worst, and how many count although disturbed. */
function others({ foreignCores, rounds, dropped, disturbed }: Conditions): string {
  const asides = [
    ...(disturbed > 0 ? [`${disturbed} of ${rounds} disturbed`] : []),
    ...(dropped > 0 ? [`${dropped} dropped`] : []),
  ];
  const cores = `${foreignCores.median.toFixed(2)}–${foreignCores.max.toFixed(2)}`;
  return asides.length === 0 ? cores : `${cores}, ${asides.join(", ")}`;
}

/** Three digits that say something, thousands apart. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
