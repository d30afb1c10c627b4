/** How soon answers end under the policies, in simulated time: against an oracle, and against each other. */

import type { Row } from "../row.ts";
import { atMost } from "../row.ts";
import type { Spread } from "../statistics.ts";
import { quantile, spread } from "../statistics.ts";
import {
  simulate,
  type SimulationOptions,
  type SimulationResult,
} from "../simulation/simulation.ts";
import type { Stage } from "../stage.ts";
import type { Figure } from "./figure.ts";

export const answersFigure: Figure = {
  name: "answers",
  about: "when answers end under each policy, simulated",
  measure: ({ bench }: Stage) => measureAnswers(bench.size.rounds),
};

/** From 120 to 8 tokens per second. */
const EIGHT = Array.from({ length: 8 }, (_, i) => 120 * (8 / 120) ** (i / 7));
const ALIKE = Array<number>(8).fill(40);
const SLOTS = 2;
const LOADS = [0.2, 0.4, 0.6, 0.8];
/** What a node's measurements need before they count. */
const WARM_UP = 1_500;
const CALLS = 6_000;

type Policy = SimulationOptions["by"];
type Figures = (result: SimulationResult) => number;

const meanEnd: Figures = ({ endMs }) => endMs.reduce((a, b) => a + b, 0) / endMs.length;
const p95End: Figures = ({ endMs }) => quantile(endMs, 0.95);
const p50First: Figures = ({ firstMs }) => quantile(firstMs, 0.5);

/** All rows; so many seeds each. */
async function measureAnswers(seeds: number): Promise<Row[]> {
  const rows: Row[] = [];
  const run = (by: Policy, more: Partial<SimulationOptions> = {}) =>
    forEachSeed(seeds, (seed) =>
      simulate({
        trace: "independent",
        speeds: EIGHT,
        slots: SLOTS,
        load: 0.4,
        calls: CALLS,
        warmUp: WARM_UP,
        by,
        seed,
        ...more,
      }));
  const add = (row: Omit<Row, "conditions">) =>
    void rows.push({
      ...row,
      conditions: { rounds: seeds, dropped: 0, disturbed: 0, foreignCores: spread([0]) },
    });
  for (const load of LOADS) {
    const [oracle, auto, least] = [
      await run("oracle", { load }),
      await run("auto", { load }),
      await run("least-busy", { load }),
    ];
    const note = `least-busy: ${ratio(least, oracle, meanEnd).median.toFixed(2)} × oracle.`;
    add({
      figure: `Answers end, mean, eight unlike nodes at load ${load}`,
      unit: "ms",
      gateway: of(auto, meanEnd),
      compared: ratio(auto, oracle, meanEnd),
      goal: atMost(1.15, "× oracle"),
      note,
    });
    add({
      figure: `Answers end, p95, eight unlike nodes at load ${load}`,
      unit: "ms",
      gateway: of(auto, p95End),
      compared: ratio(auto, oracle, p95End),
      goal: atMost(1.25, "× oracle"),
    });
    if (load === LOADS[0]) {
      add({
        figure: `Answers end, mean, against least-busy at load ${load}`,
        unit: "ms",
        gateway: of(auto, meanEnd),
        compared: ratio(auto, least, meanEnd),
        goal: atMost(0.45, "× least-busy"),
      });
      for (const [what, error] of [["first token", "firstErrors"], ["end", "endErrors"]] as const) {
        add({
          figure: `Expected ${what} is off by, median after 50 calls of a node`,
          unit: "%",
          gateway: of(auto, (result) => 100 * quantile(result[error], 0.5)),
          goal: atMost(25, "%"),
          ...(what === "end" && { note: "For the length that the answer had." }),
        });
      }
    }
  }
  for (const load of [0.3, 0.6]) {
    const more = { trace: "conversations" as const, load };
    const [auto, affinity] = [await run("auto", more), await run("affinity", more)];
    add({
      figure: `Conversations of 8 turns: first token p50, eight unlike nodes at load ${load}`,
      unit: "ms",
      gateway: of(auto, p50First),
      compared: ratio(auto, affinity, p50First),
      goal: atMost(1, "× affinity"),
    });
    add({
      figure: `Conversations of 8 turns: end, mean, eight unlike nodes at load ${load}`,
      unit: "ms",
      gateway: of(auto, meanEnd),
      compared: ratio(auto, affinity, meanEnd),
      goal: atMost(0.8, "× affinity"),
    });
  }
  for (const load of [0.3, 0.8]) {
    const more = { speeds: ALIKE, load };
    const [auto, least] = [await run("auto", more), await run("least-busy", more)];
    for (const [what, figure] of [["mean", meanEnd], ["p95", p95End]] as const) {
      add({
        figure: `Answers end, ${what}, eight alike nodes at load ${load}`,
        unit: "ms",
        gateway: of(auto, figure),
        compared: ratio(auto, least, figure),
        goal: atMost(1.02, "× least-busy"),
      });
    }
  }
  for (const count of [100, 10_000]) {
    const calls = count === 100 ? CALLS : 30_000;
    const more = { speeds: mixed(count), load: 0.5, calls, warmUp: calls / 2 };
    const [auto, least] = [await run("auto", more), await run("least-busy", more)];
    add({
      figure: `Answers end, mean, ${count.toLocaleString("en")} mixed nodes at load 0.5`,
      unit: "ms",
      gateway: of(auto, meanEnd),
      compared: ratio(auto, least, meanEnd),
      note: "Against least-busy.",
    });
  }
  for (const load of [0.4, 0.7]) {
    const more = { trace: "mixed" as const, load };
    const [oracle, auto] = [await run("oracle", more), await run("auto", more)];
    add({
      figure: `Answers end, mean, lengths of Azure's conversation trace in bursts, load ${load}`,
      unit: "ms",
      gateway: of(auto, meanEnd),
      compared: ratio(auto, oracle, meanEnd),
      note: "Against the oracle.",
    });
  }
  const slowed = await run("auto", {
    speeds: ALIKE,
    load: 0.3,
    before: ({ call, servers }) => {
      if (call === CALLS / 2) servers[0]!.tokensPerSecond /= 5;
    },
  });
  add({
    figure: "Share of a node that has turned 5 × slower, after 10 of its calls",
    unit: "× before",
    gateway: of(slowed, shareLeft),
    goal: atMost(0.5, "× before"),
  });
  const lying = (lie: number) => {
    const before: SimulationOptions["before"] = ({ call, servers }) => {
      if (call === 0) servers[4]!.lie = lie;
    };
    return run("auto", { load: 0.6, before });
  };
  const [honest, liar] = [await lying(1), await lying(10)];
  add({
    figure: "Share of a node that counts 10 × its tokens, against its honest one",
    unit: "%",
    gateway: of(liar, (result) => 100 * shareOf(result, 4)),
    compared: ratio(liar, honest, (result) => shareOf(result, 4)),
    note: "The fifth fastest of eight, at load 0.6.",
  });
  const moving = (by: Policy) =>
    run(by, {
      before: ({ call, network }) => {
        if (call % 200 === 0) network.leave(call / 200 % 8);
        if (call % 200 === 100) network.join((call - 100) / 200 % 8);
      },
    });
  const [autoMoving, leastMoving] = [await moving("auto"), await moving("least-busy")];
  add({
    figure: "Answers end, mean, eight unlike nodes that come and go, at load 0.4",
    unit: "ms",
    gateway: of(autoMoving, meanEnd),
    compared: ratio(autoMoving, leastMoving, meanEnd),
    note: "Against least-busy.",
  });
  return rows;
}

async function forEachSeed(
  seeds: number,
  run: (seed: number) => Promise<SimulationResult>,
): Promise<SimulationResult[]> {
  const results: SimulationResult[] = [];
  for (let seed = 1; seed <= seeds; seed++) results.push(await run(seed));
  return results;
}

function of(results: readonly SimulationResult[], figure: Figures): Spread {
  return spread(results.map(figure));
}

function ratio(a: readonly SimulationResult[], b: readonly SimulationResult[], figure: Figures) {
  return spread(a.map((result, i) => figure(result) / figure(b[i]!)));
}

/** Log-uniform from 8 to 120 tokens per second. */
function mixed(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 120 * (8 / 120) ** (i * 0.618_034 % 1));
}

function shareOf({ placed }: SimulationResult, server: number): number {
  const counted = placed.slice(WARM_UP);
  return counted.filter((other) => other === server).length / counted.length;
}

/** Of server 0 in the calls after its tenth since it has slowed down, against those before. */
function shareLeft({ placed }: SimulationResult): number {
  const change = CALLS / 2;
  const share = (calls: readonly number[]) =>
    calls.filter((server) => server === 0).length / calls.length;
  const later = placed.slice(change);
  let tenth = 0;
  for (let seen = 0; tenth < later.length && seen < 10; tenth++) if (later[tenth] === 0) seen++;
  return share(later.slice(tenth, tenth + 500)) / share(placed.slice(change - 1_000, change));
}
