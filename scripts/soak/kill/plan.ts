/** One run's plan, derived from its seed: the calls, their answers, and which processes are killed when. */

import { Dice } from "../random.ts";

/** What a model server does with a call; scripted nodes do the same without one. */
export type ScriptedAnswer =
  /** Pieces at a pace, then a proper end. Whole answers take as long as all pieces together. */
  | { is: "answer"; pieces: number; everyMs: number; tellsUsage: boolean }
  /** Some pieces, perhaps none, then the connection is cut. */
  | { is: "break"; pieces: number; everyMs: number }
  /** Some pieces, perhaps none, then nothing more. */
  | { is: "stall"; pieces: number; everyMs: number }
  | { is: "refuse"; status: number };

export interface PlannedCall {
  /** Requested by this call alone, which so is identified in the ledger and at the model server. */
  model: string;
  stream: boolean;
  /** From the run's start. */
  atMs: number;
  /** From the call's start; null: its caller waits for the end. */
  leavesAfterMs: number | null;
  /** Which of the callers makes it. */
  caller: number;
  script: ScriptedAnswer;
}

/** Names of all processes that can be killed or frozen. */
const targets = [
  "gateway",
  "node 0",
  "node 1",
  "scripted v1",
  "scripted v2",
  "caller 0",
] as const;
export type Target = typeof targets[number];

export interface Strike {
  /** From the run's start. */
  atMs: number;
  target: Target;
  signal: "SIGKILL" | "SIGTERM" | "SIGSTOP";
  /** How long a SIGSTOP lasts. */
  lastsMs: number;
}

export interface Plan {
  seed: number;
  calls: readonly PlannedCall[];
  strikes: readonly Strike[];
}

/** Model names there are; a run has at most so many calls. */
export const MODELS: readonly string[] = Array.from({ length: 24 }, (_, i) => `call-${i}`);

export const CALLERS = 2;

/** All calls begin within this time. */
const BEGIN_WITHIN_MS = 600;
/** All strikes fall within this time. */
const STRIKE_WITHIN_MS = 900;

export function planOf(seed: number): Plan {
  const dice = new Dice(seed);
  const calls = MODELS.slice(0, dice.between(8, MODELS.length)).map((model) => callOf(model, dice));
  const strikes = Array.from({ length: dice.between(1, 3) }, () => strikeOf(dice));
  return { seed, calls, strikes: strikes.toSorted((a, b) => a.atMs - b.atMs) };
}

function callOf(model: string, dice: Dice): PlannedCall {
  return {
    model,
    stream: dice.percent(65),
    atMs: dice.between(0, BEGIN_WITHIN_MS),
    leavesAfterMs: dice.percent(25) ? dice.between(5, 400) : null,
    caller: dice.between(0, CALLERS - 1),
    script: scriptOf(dice),
  };
}

function scriptOf(dice: Dice): ScriptedAnswer {
  const everyMs = dice.between(0, 50);
  const fate = dice.between(1, 100);
  if (fate <= 72) {
    return { is: "answer", pieces: dice.between(1, 10), everyMs, tellsUsage: dice.percent(75) };
  }
  if (fate <= 82) return { is: "break", pieces: dice.between(0, 5), everyMs };
  if (fate <= 90) return { is: "stall", pieces: dice.between(0, 5), everyMs };
  return { is: "refuse", status: dice.oneOf([400, 429, 500]) };
}

function strikeOf(dice: Dice): Strike {
  return {
    atMs: dice.between(20, STRIKE_WITHIN_MS),
    // The gateway's death endangers the ledger most.
    target: dice.percent(40) ? "gateway" : dice.oneOf(targets),
    signal: dice.oneOf(["SIGKILL", "SIGKILL", "SIGTERM", "SIGSTOP"]),
    lastsMs: dice.between(50, 600),
  };
}
