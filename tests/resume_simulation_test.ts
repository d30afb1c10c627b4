/**
 * Both real ends of a node's link, over sockets that a seed cuts at any byte, in either direction, again and again: no
 * byte is lost, doubled or out of order, each call runs once and ends once. A failing seed replays exactly.
 */

import { expect, test } from "bun:test";
import { seeded } from "../server/base/testing/random.ts";
import {
  type Cut,
  CutLink,
  type CutLinkOptions,
  type Fault,
  MAX_PARALLEL,
} from "./harness/cut_link.ts";

const SEEDS = Number(process.env.COLINK_TEST_SEEDS ?? 500);
const FIRST_SEED = Number(process.env.COLINK_TEST_FIRST_SEED ?? 1);
const SEED_WITHIN_MS = 200;

const CUTS: readonly Cut[] = [
  "reset",
  "half-open",
  "node notices late",
  "gateway notices late",
  "recycled",
];

/** One to four losses, one connection after the other. */
function faultsOf(seed: number): Fault[] {
  const random = seeded(seed * 7919);
  return Array.from({ length: 1 + Math.floor(random() * 4) }, () => ({
    cut: CUTS[Math.floor(random() * CUTS.length)]!,
    direction: random() < 0.5 ? "to node" : "to gateway",
    // The handshake, the resume and the first frames as often as the middle of answers.
    afterBytes: Math.floor(random() < 0.5 ? random() * 900 : random() * 12_000),
  }));
}

/** With one gateway, and with several, where the node comes back at any of them. */
const networks: [what: string, options: Partial<CutLinkOptions>, share: number][] = [
  ["to its gateway", {}, 1],
  ["to any of three gateways", { gateways: 3 }, 0.4],
  ["to a gateway that leaves meanwhile", { restarts: 2 }, 0.2],
  ["to any of three gateways, of which some leave", { gateways: 3, restarts: 3 }, 0.3],
];

for (const [where, options, share] of networks) {
  const seeds = Math.ceil(SEEDS * share);
  test(
    `a link that is cut anywhere and comes back ${where} costs no call anything (${seeds} seeds from ${FIRST_SEED})`,
    () => simulate(seeds, options),
    SEEDS * SEED_WITHIN_MS,
  );
}

test(
  "while the links between gateways are lost, too, each call ends once, with its answer or a part of it",
  async () => {
    const counts = { whole: 0, lost: 0 };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS / 5; seed++) {
      const link = await simulated(seed, { gateways: 2, peerLosses: 3 });
      const where = `seed ${seed}`;
      for (const { id, received, ends, isCancelled } of link.calls) {
        const call = `${where}, ${id}`;
        expect([call, ends.length]).toEqual([call, 1]);
        expect([call, CutLink.answerOf(id).startsWith(received)]).toEqual([call, true]);
        const isWhole = received === CutLink.answerOf(id);
        expect([call, isCancelled || ["lost", "restarted"].includes(ends[0]!) || isWhole]).toEqual([
          call,
          true,
        ]);
        counts[isWhole ? "whole" : "lost"]++;
      }
      expectNothingLeft(where, link);
    }
    expect(counts.whole).toBeGreaterThan(counts.lost);
  },
  SEEDS * SEED_WITHIN_MS,
);

function simulated(seed: number, options: Partial<CutLinkOptions>): Promise<CutLink> {
  const faults = faultsOf(seed);
  return new CutLink({ seed, faults, calls: 8, hasBadDials: true, ...options }).run();
}

async function simulate(seeds: number, options: Partial<CutLinkOptions>): Promise<void> {
  let carriedFrames = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
    const link = await simulated(seed, options);
    carriedFrames += link.carriedFrames;
    const where = `seed ${seed}`;
    expect([where, link.calls.length]).toEqual([where, 8]);
    for (const { id, received, ends, isCancelled } of link.calls) {
      const call = `${where}, ${id}`;
      const whole = CutLink.answerOf(id);
      expect([call, ends.length]).toEqual([call, 1]);
      if (isCancelled) expect([call, whole.startsWith(received)]).toEqual([call, true]);
      else expect([call, ends[0], received]).toEqual([call, "finished", whole]);
      const runs = link.runs.get(id) ?? 0;
      expect([call, isCancelled ? Math.max(runs, 1) : runs]).toEqual([call, 1]);
    }
    expectNothingLeft(where, link);
  }
  expect(carriedFrames > 0).toBe((options.gateways ?? 1) > 1);
}

function expectNothingLeft(where: string, { nodes, runner, maxRunning, gateways }: CutLink): void {
  expect([where, nodes.map(({ active }) => active)]).toEqual([where, [0]]);
  expect([where, runner.active]).toEqual([where, 0]);
  expect([where, maxRunning <= MAX_PARALLEL]).toEqual([where, true]);
  expect([where, gateways.map(({ tunnels }) => tunnels.carried)]).toEqual([
    where,
    gateways.map(() => 0),
  ]);
}
