/** Rounds: each measures every variant once, one after the other; disturbed rounds are dropped and repeated. */

import { type Spread, spread } from "./statistics.ts";

/** Something measured while other programs may have run. */
export interface Sample {
  /** Cores that others kept busy meanwhile. */
  foreignCores: number;
}

/** One round: a sample of each variant, by its name. */
export type Round<N extends string, S extends Sample> = Readonly<Record<N, S>>;

export interface RoundsOptions {
  rounds: number;
  /** A round in which any sample saw more than this is dropped. */
  maxForeignCores: number;
  /** So many disturbed rounds are repeated; past that, the least disturbed ones count after all. */
  maxRepeats: number;
  /** Whether a first round, which is forgotten, warms everything up. Default: true. */
  warmsUp?: boolean;
}

/** How quiet it was, to be shown beside every figure. */
export interface Conditions {
  rounds: number;
  /** Rounds that were measured again. */
  dropped: number;
  /** Rounds that count although they were disturbed. */
  disturbed: number;
  foreignCores: Spread;
}

export interface Measurement<N extends string, S extends Sample> {
  rounds: readonly Round<N, S>[];
  conditions: Conditions;
}

/** Measures the variants in turn, beginning with another one in each round. */
export async function interleaved<N extends string, S extends Sample>(
  variants: Readonly<Record<N, () => Promise<S>>>,
  { rounds, maxForeignCores, maxRepeats, warmsUp = true }: RoundsOptions,
): Promise<Measurement<N, S>> {
  const names = Object.keys(variants) as N[];
  const quiet: Round<N, S>[] = [];
  const noisy: Round<N, S>[] = [];
  if (warmsUp) await oneRound(variants, names);
  while (quiet.length < rounds && noisy.length <= maxRepeats) {
    const turn = (quiet.length + noisy.length) % names.length;
    const round = await oneRound(variants, [...names.slice(turn), ...names.slice(0, turn)]);
    (disturbance(round) <= maxForeignCores ? quiet : noisy).push(round);
  }
  const fillers = noisy.toSorted((a, b) => disturbance(a) - disturbance(b))
    .slice(0, Math.max(0, rounds - quiet.length));
  const kept = [...quiet, ...fillers];
  return {
    rounds: kept,
    conditions: {
      rounds: kept.length,
      dropped: noisy.length - fillers.length,
      disturbed: fillers.length,
      foreignCores: spread(kept.map(disturbance)),
    },
  };
}

/** A figure over all rounds; `value` works it out from one of them. */
export function over<N extends string, S extends Sample>(
  { rounds }: Measurement<N, S>,
  value: (round: Round<N, S>) => number,
): Spread {
  return spread(rounds.map(value));
}

async function oneRound<N extends string, S extends Sample>(
  variants: Readonly<Record<N, () => Promise<S>>>,
  order: readonly N[],
): Promise<Round<N, S>> {
  const round: Partial<Record<N, S>> = {};
  for (const name of order) round[name] = await variants[name]();
  return round as Round<N, S>;
}

function disturbance(round: Round<string, Sample>): number {
  return Math.max(...Object.values(round).map((sample) => sample.foreignCores));
}
