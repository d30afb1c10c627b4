/** How soon answers end under the policies, in simulated time: against an oracle, and against each other. */

import { atMost, type Goal, type Row } from "../row.ts";
import type { Size } from "../size.ts";
import { quantile, type Spread, spread } from "../statistics.ts";
import {
  simulate,
  type SimulationOptions,
  type SimulationResult,
} from "../simulation/simulation.ts";
import type { LoneFigure } from "./figure.ts";

export const answersFigure: LoneFigure = {
  name: "answers",
  about: "when answers end under each policy, simulated",
  measureAlone,
};

/** From 120 to 8 tokens per second. */
const EIGHT = Array.from({ length: 8 }, (_, i) => 120 * (8 / 120) ** (i / 7));
const ALIKE = Array<number>(8).fill(40);
const SLOTS = 2;
/** What a node's measurements need before they count. */
const WARM_UP = 1_500;
const CALLS = 6_000;
/** Goals hold up to here; above, the oracle's own line grows without bound. */
const HIGHEST_LOAD = 0.8;

type Options = Partial<SimulationOptions>;
type Results = readonly SimulationResult[];
type Statistic = (result: SimulationResult) => number;

const meanEnd: Statistic = ({ endMs }) => mean(endMs);
const p95End: Statistic = ({ endMs }) => quantile(endMs, 0.95);
const p50First: Statistic = ({ firstMs }) => quantile(firstMs, 0.5);
const longestWait: Statistic = ({ waitedMs }) => waitedMs.reduce((a, b) => Math.max(a, b), 0);

/** The rows of one subject. */
type Subject = (trials: Trials) => Promise<void>;

const subjects: readonly Subject[] = [
  unlikeNodes,
  bursts,
  manyNodes,
  conversations,
  alikeNodes,
  expectations,
  slowedNode,
  passingNodes,
  lyingNode,
  changingNode,
];

async function measureAlone({ rounds }: Size): Promise<Row[]> {
  const trials = new Trials(rounds);
  for (const subject of subjects) await subject(trials);
  return trials.rows;
}

/** Simulations with each of so many seeds, and the rows that come of them. */
class Trials {
  readonly rows: Row[] = [];

  constructor(readonly seeds: number) {}

  /** Default: independent calls at load 0.4 to the eight unlike nodes. */
  async run(by: SimulationOptions["by"], options: Options = {}): Promise<Results> {
    const results: SimulationResult[] = [];
    for (let seed = 1; seed <= this.seeds; seed++) {
      results.push(
        await simulate({
          trace: "independent",
          speeds: EIGHT,
          slots: SLOTS,
          load: 0.4,
          calls: CALLS,
          warmUp: WARM_UP,
          by,
          seed,
          ...options,
        }),
      );
    }
    return results;
  }

  add(figure: string, unit: string, gateway: Spread, more: Partial<Row> = {}): void {
    const conditions = { rounds: this.seeds, dropped: 0, disturbed: 0, foreignCores: spread([0]) };
    this.rows.push({ figure, unit, gateway, conditions, ...more });
  }

  /** A time under `auto`, compared with another's. */
  addTime(
    figure: string,
    statistic: Statistic,
    auto: Results,
    other: Results,
    goal: Goal,
    note?: string,
  ): void {
    const compared = ratio(auto, other, statistic);
    const more = { compared, goal, ...note === undefined ? {} : { note } };
    this.add(figure, "ms", of(auto, statistic), more);
  }

  /** Mean and 95th percentile against the oracle. */
  async addAgainstOracle(what: string, load: number, options: Options): Promise<void> {
    const [oracle, auto, least] = [
      await this.run("oracle", { load, ...options }),
      await this.run("auto", { load, ...options }),
      await this.run("least-busy", { load, ...options }),
    ];
    const limits = load <= HIGHEST_LOAD ? [1.15, 1.25] : [null, null];
    const where = `${what}, load ${load}`;
    for (
      const [i, [name, statistic]] of ([["mean", meanEnd], ["p95", p95End]] as const).entries()
    ) {
      const limit = limits[i] ?? null;
      this.add(`Answers end, ${name}, ${where}`, "ms", of(auto, statistic), {
        compared: ratio(auto, oracle, statistic),
        ...(limit !== null && { goal: atMost(limit, "× oracle") }),
        note: `least-busy: ${ratio(least, oracle, statistic).median.toFixed(2)} × oracle.`,
      });
    }
  }
}

async function unlikeNodes(trials: Trials): Promise<void> {
  for (const load of [0.2, 0.4, 0.6, 0.8, 0.9]) {
    await trials.addAgainstOracle("eight unlike nodes", load, {});
  }
  const [auto, least] = [
    await trials.run("auto", { load: 0.2 }),
    await trials.run("least-busy", {
      load: 0.2,
    }),
  ];
  const goal = atMost(0.45, "× least-busy");
  trials.addTime("Answers end, mean, eight unlike nodes, load 0.2", meanEnd, auto, least, goal);
  const busy = await trials.run("auto", { load: 0.6 });
  trials.add("Longest wait for a slot, eight unlike nodes, load 0.6", "ms", of(busy, longestWait), {
    goal: atMost(10_000, "ms"),
    note: "At most 5 s of it for a faster node while a slower one has a slot free.",
  });
}

async function bursts(trials: Trials): Promise<void> {
  for (const load of [0.4, 0.7]) {
    const what = "lengths of Azure's conversation trace in bursts, eight unlike nodes";
    await trials.addAgainstOracle(what, load, { trace: "mixed" });
  }
}

async function manyNodes(trials: Trials): Promise<void> {
  const hundred = { speeds: mixed(100), calls: 30_000, warmUp: 15_000 };
  await trials.addAgainstOracle("100 mixed nodes", 0.5, hundred);
  await trials.addAgainstOracle("100 mixed nodes, in bursts", 0.5, { ...hundred, trace: "mixed" });
  // Each node is to be called some ten times before it counts.
  const calls = trials.seeds > 1 ? 200_000 : 60_000;
  const many = { speeds: mixed(10_000), calls, warmUp: calls / 2 };
  await trials.addAgainstOracle("10,000 mixed nodes", 0.5, many);
}

async function conversations(trials: Trials): Promise<void> {
  for (const load of [0.3, 0.6]) {
    const options = { trace: "conversations" as const, load };
    const [auto, affinity] = [
      await trials.run("auto", options),
      await trials.run("affinity", options),
    ];
    const where = `conversations of 8 turns, eight unlike nodes, load ${load}`;
    const [asSoon, sooner] = [atMost(1, "× affinity"), atMost(0.8, "× affinity")];
    trials.addTime(`First token, p50, ${where}`, p50First, auto, affinity, asSoon);
    trials.addTime(`Answers end, mean, ${where}`, meanEnd, auto, affinity, sooner);
  }
}

async function alikeNodes(trials: Trials): Promise<void> {
  for (const load of [0.3, 0.8]) {
    const options = { speeds: ALIKE, load };
    const [auto, least] = [
      await trials.run("auto", options),
      await trials.run("least-busy", options),
    ];
    const goal = atMost(1.02, "× least-busy");
    const where = `eight alike nodes, load ${load}`;
    trials.addTime(`Answers end, mean, ${where}`, meanEnd, auto, least, goal);
    trials.addTime(`Answers end, p95, ${where}`, p95End, auto, least, goal);
  }
}

async function expectations(trials: Trials): Promise<void> {
  for (const load of [0.2, 0.6]) {
    const auto = await trials.run("auto", { load });
    const off = (error: "firstErrors" | "endErrors") =>
      of(auto, (result) => 100 * quantile(result[error], 0.5));
    const where = `is off by, median after 50 calls of a node, load ${load}`;
    const goal = atMost(25, "%");
    trials.add(`Expected first token ${where}`, "%", off("firstErrors"), { goal });
    trials.add(`Expected end ${where}`, "%", off("endErrors"), {
      goal,
      note: "For the length that the answer had, which no gateway knows before.",
    });
  }
}

async function slowedNode(trials: Trials): Promise<void> {
  const slowed = await trials.run("auto", {
    speeds: ALIKE,
    load: 0.3,
    before: ({ call, servers }) => {
      if (call === CALLS / 2) servers[0]!.tokensPerSecond /= 5;
    },
  });
  const what = "Share of a node that has turned 5 × slower, after 10 of its calls";
  trials.add(what, "× before", of(slowed, shareLeft), { goal: atMost(0.5, "× before") });
}

async function passingNodes(trials: Trials): Promise<void> {
  const before: SimulationOptions["before"] = ({ call, network }) => {
    if (call % 200 === 0) network.leave(call / 200 % 8);
    if (call % 200 === 100) network.join((call - 100) / 200 % 8);
  };
  await trials.addAgainstOracle("eight unlike nodes that come and go", 0.4, { before });
}

/** It counts ten times the tokens of its answers. */
async function lyingNode(trials: Trials): Promise<void> {
  const lying = (lie: number) =>
    trials.run("auto", {
      load: 0.6,
      calls: LIAR_CALLS,
      before: ({ call, servers }) => {
        if (call === 0) servers[LIAR]!.lie = lie;
      },
    });
  const goal = atMost(1.05, "× honest");
  addShare(trials, "counts 10 × its tokens", await lying(10), await lying(1), goal);
}

/** It answers three times as fast and three times as slowly as before, by turns. */
async function changingNode(trials: Trials): Promise<void> {
  const changing = (factor: number) =>
    trials.run("auto", {
      load: 0.6,
      before: ({ call, servers }) => {
        const by = call % 2 === 0 ? factor : 1 / factor;
        servers[LIAR]!.tokensPerSecond = EIGHT[LIAR]! * by;
      },
    });
  const what = "is 3 × faster and 3 × slower by turns";
  addShare(trials, what, await changing(3), await changing(1), atMost(1.25, "× honest"));
}

/** The fifth fastest of eight. */
const LIAR = 4;
/** It gets one call in fifty: of fewer calls, chance alone would be a tenth of its share. */
const LIAR_CALLS = 60_000;

function addShare(
  trials: Trials,
  what: string,
  results: Results,
  honest: Results,
  goal: Goal,
): void {
  const statistic: Statistic = ({ placed }) => 100 * shareOf(placed, LIAR);
  trials.add(`Share of a node that ${what}`, "%", of(results, statistic), {
    compared: ratio(results, honest, statistic),
    goal,
    note: "The fifth fastest of eight, at load 0.6.",
  });
}

function of(results: Results, statistic: Statistic): Spread {
  return spread(results.map(statistic));
}

function ratio(a: Results, b: Results, statistic: Statistic): Spread {
  return spread(a.map((result, i) => statistic(result) / statistic(b[i]!)));
}

/** Log-uniform from 8 to 120 tokens per second. */
function mixed(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 120 * (8 / 120) ** (i * 0.618_034 % 1));
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function shareOf(placed: readonly number[], server: number): number {
  const counted = placed.slice(WARM_UP);
  return counted.filter((other) => other === server).length / counted.length;
}

/** Of server 0 in the calls after its tenth since it has slowed down, against those before. */
function shareLeft({ placed }: SimulationResult): number {
  const change = CALLS / 2;
  // It may be so rare afterwards that its tenth call never comes.
  const share = (calls: readonly number[]) =>
    calls.filter((server) => server === 0).length / Math.max(1, calls.length);
  const later = placed.slice(change);
  let tenth = 0;
  for (let seen = 0; tenth < later.length && seen < 10; tenth++) if (later[tenth] === 0) seen++;
  return share(later.slice(tenth, tenth + 500)) / share(placed.slice(change - 1_000, change));
}
