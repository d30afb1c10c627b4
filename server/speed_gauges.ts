/**
 * What the policies have measured of nodes, as gauges of /metrics: quantiles over nodes and models,
 * without their names. So a scrape has at most 37 of these series, however many nodes there are.
 */

import type { Clock } from "./base/clock.ts";
import type { Sample } from "./http/histogram.ts";
import type { Gauges } from "./http/metrics.ts";
import type { NodeSpeed } from "./schedule/policy/node_speed.ts";
import type { Policies } from "./schedule/policy/policy.ts";

/** A scrape reads the speeds of at most so many pairs of node and model, those that were measured last. */
const MOST_SPEEDS = 2_000;

/** Anyone may ask for metrics: the speeds are collected so often at most. */
const KEEP_MS = 5_000;

const QUANTILES = [0.1, 0.5, 0.9];

/** Running calls by which writing speeds are told apart; those of more are left out. */
const RUNNING = [1, 2, 4, 8, 16, 32, 64];

export function speedGauges(policies: Policies, clock: Clock): Gauges {
  let speeds: readonly NodeSpeed[] = [];
  let readMs = -Infinity;
  const read = () => {
    if (clock.monotonic() - readMs < KEEP_MS) return speeds;
    readMs = clock.monotonic();
    return speeds = policies.all.flatMap((policy) => policy.speeds?.(MOST_SPEEDS) ?? []);
  };
  /** Computes what a gauge shows once for all scrapes that read the same speeds. */
  const kept = (samplesOf: (speeds: readonly NodeSpeed[]) => Sample[]) => {
    let samples: Sample[] = [];
    let of: readonly NodeSpeed[] | null = null;
    return () => {
      const now = read();
      if (now !== of) samples = samplesOf(of = now);
      return samples;
    };
  };
  /** `valueOf` returns null for what was not measured. */
  const quantiles = (valueOf: (speed: NodeSpeed) => number | null) =>
    kept((speeds) => quantilesOf(speeds.map(valueOf)));
  return {
    colink_node_speeds: {
      help: `Pairs of node and model whose speed is known; at most ${MOST_SPEEDS} are counted`,
      read: () => read().length,
    },
    colink_node_prefill_chars_per_second: {
      help: "How fast nodes read prompts, by quantile over nodes and models",
      read: quantiles(({ msPerChar }) => perSecond(msPerChar)),
    },
    colink_node_decode_tokens_per_second: {
      help: "How fast nodes write one answer, by calls running at once",
      read: kept(decodeQuantiles),
    },
    colink_node_load_seconds: {
      help: "How long nodes take to load models",
      read: quantiles(({ loadMs }) => loadMs > 0 ? loadMs / 1000 : null),
    },
    colink_node_prefix_hit_ratio: {
      help: "How often the beginning of a prompt that a node should hold was there",
      read: quantiles(({ hitsLooked, hitRate }) => hitsLooked > 0 ? hitRate : null),
    },
    colink_expected_first_token_error_ratio: {
      help: "How far expected times to the first token were off: medians by node and model",
      read: quantiles(({ firstError }) => firstError),
    },
    colink_expected_end_error_ratio: {
      help: "How far expected ends of answers were off: medians by node and model",
      read: quantiles(({ endError }) => endError),
    },
  };
}

function decodeQuantiles(speeds: readonly NodeSpeed[]): Sample[] {
  const byRunning = new Map<number, (number | null)[]>(RUNNING.map((running) => [running, []]));
  for (const speed of speeds) {
    for (const { running, msPerToken } of speed.decodeSpeeds()) {
      byRunning.get(running)?.push(perSecond(msPerToken));
    }
  }
  return [...byRunning].flatMap(([running, values]) =>
    quantilesOf(values, { running: String(running) })
  );
}

function quantilesOf(
  values: readonly (number | null)[],
  labels: Record<string, string> = {},
): Sample[] {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (known.length === 0) return [];
  return QUANTILES.map((quantile) => ({
    labels: { ...labels, quantile: String(quantile) },
    value: known[Math.round(quantile * (known.length - 1))]!,
  }));
}

function perSecond(ms: number): number | null {
  return ms > 0 ? 1000 / ms : null;
}
