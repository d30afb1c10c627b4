/**
 * What Co-Link costs, measured beside nginx: `bun run bench [--quick] [--only FIGURES] [--rounds N]
 * [--out PATH] [--write-docs]`. Prints a table and writes JSON; see docs/benchmarks.md. With `--cluster`
 * it measures several gateways together instead; see docs/scaling.md.
 */

import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureCluster } from "./bench/cluster/measure.ts";
import { growths } from "./bench/cluster/growths.ts";
import { chooseCores, pinSelf } from "./bench/cores.ts";
import { writeDocument } from "./bench/document.ts";
import type { Figure, LoneFigure, StagedFigure } from "./bench/figure/figure.ts";
import { figures } from "./bench/figures.ts";
import {
  describeMachine,
  describeVersions,
  readReport,
  type Report,
  writeReport,
} from "./bench/report.ts";
import type { Row } from "./bench/row.ts";
import { stopServers } from "./bench/server_process.ts";
import { fullSize, quickSize, type Size } from "./bench/size.ts";
import { type Bench, Stage, startUpstream } from "./bench/stage.ts";
import { provenance, textTable } from "./bench/table.ts";
import { wrk } from "./bench/wrk.ts";
import { build } from "./build.ts";
import { Steps } from "./steps.ts";
import { provide, requirements } from "./testing/requirement.ts";

interface Options {
  isQuick: boolean;
  chosen: readonly Figure[];
  size: Size;
  out: string | undefined;
  /** Measures several gateways together, and nothing else. */
  isCluster: boolean;
  /** Writes the table of a report that stands already, and measures nothing. */
  writesDocument: boolean;
}

const steps = new Steps();
/** For whatever is written while it runs. */
const folder = join(tmpdir(), `co-link-bench-${process.pid}`);

async function main(options: Options): Promise<void> {
  if (options.writesDocument) {
    return steps.say(`written: ${await writeDocument(readReport(options.out))}`);
  }
  if (options.isCluster || !options.chosen.every(isLone)) {
    await steps.run("find nginx and wrk", async () => {
      const installed = await provide([requirements.nginx, wrk]);
      return installed.length > 0 ? `installed ${installed.join(", ")}` : "";
    });
    await build(["web", "server", "client"], steps);
  }
  if (options.isCluster) return await measureNetworks(options.size);
  const report = await measureAll(options);
  steps.say(`\n${textTable(report.rows)}\n`);
  for (const { figure, note } of report.rows) if (note) steps.say(`${figure}: ${note}`);
  steps.say(`${provenance(report)}\n${writeReport(report, options.out)}`);
}

async function measureAll({ chosen, size, isQuick }: Options): Promise<Report> {
  const cores = chooseCores();
  await pinSelf(cores.rest);
  const date = new Date().toISOString();
  const rows = await measure({ size, cores }, chosen);
  const machine = describeMachine(cores);
  const isWhole = chosen.length === figures.length;
  return { date, machine, versions: await describeVersions(), isQuick, isWhole, size, rows };
}

async function measureNetworks(size: Size): Promise<void> {
  const cores = chooseCores();
  await pinSelf(cores.rest);
  mkdirSync(folder, { mode: 0o700 });
  const upstream = await startUpstream();
  try {
    const bench = { size, cores, folder, upstream };
    const findings = await steps.run("measure several gateways", () => measureCluster(bench));
    for (const { what, value, goal } of findings) steps.say(`${what}: ${value}  ${goal}`);
    for (const line of await growths()) steps.say(line);
  } finally {
    await cleanUp();
    await upstream.stop();
  }
}

async function cleanUp(): Promise<void> {
  await stopServers();
  rmSync(folder, { recursive: true, force: true });
}

async function measure(
  bench: Pick<Bench, "size" | "cores">,
  chosen: readonly Figure[],
): Promise<Row[]> {
  const staged = chosen.filter((figure): figure is StagedFigure => !isLone(figure));
  const rows = staged.length === 0 ? [] : await measureStaged(bench, staged);
  for (const { about, measureAlone } of chosen.filter(isLone)) {
    const found = await steps.run(`measure ${about}`, () => measureAlone(bench.size));
    rows.push(...found.map((row) => ({ ...row, isLone: true })));
  }
  return rows;
}

/** Among servers that are started for it. */
async function measureStaged(
  bench: Pick<Bench, "size" | "cores">,
  chosen: readonly StagedFigure[],
): Promise<Row[]> {
  mkdirSync(folder, { mode: 0o700 });
  const upstream = await startUpstream();
  try {
    const stage = await steps.run(
      "start upstream, nginx, gateway and node",
      () => Stage.set({ ...bench, folder, upstream }),
    );
    const rows: Row[] = [];
    for (const figure of chosen) {
      rows.push(...await steps.run(`measure ${figure.about}`, () => figure.measure(stage)));
    }
    await stage.strike();
    return rows;
  } finally {
    await cleanUp();
    await upstream.stop();
  }
}

function isLone(figure: Figure): figure is LoneFigure {
  return "measureAlone" in figure;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      out: { type: "string" },
      cluster: { type: "boolean", default: false },
      "write-docs": { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    const width = Math.max(...figures.map(({ name }) => name.length));
    steps.say(figures.map(({ name, about }) => `${name.padEnd(width)}  ${about}`).join("\n"));
    process.exit(0);
  }
  const size = values.quick ? quickSize : fullSize;
  return {
    isQuick: values.quick,
    chosen: values.only === undefined ? figures : values.only.split(",").map(figureNamed),
    size: values.rounds === undefined ? size : withRounds(size, Number(values.rounds)),
    out: values.out,
    isCluster: values.cluster,
    writesDocument: values["write-docs"],
  };
}

function figureNamed(name: string): Figure {
  const figure = figures.find((one) => one.name === name);
  if (figure === undefined) {
    const names = figures.map((one) => one.name).join(", ");
    throw new Error(`Cannot measure "${name}": choose among ${names}`);
  }
  return figure;
}

function withRounds(size: Size, rounds: number): Size {
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds: expected 1 or more");
  return { ...size, rounds, freshRounds: rounds, maxRepeats: Math.min(rounds, size.maxRepeats) };
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, async () => {
    steps.say("\nStopped before the end.");
    await cleanUp();
    process.exit(130);
  });
}

if (import.meta.main) {
  try {
    await main(readOptions());
    process.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
