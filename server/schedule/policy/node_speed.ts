/** What was measured of one node for one service: how fast it reads, how fast it writes, and what else delays it. */

import { NodeEnds } from "./slot_ends.ts";
import { ANSWER_TOKENS, PROMPT_CHARS } from "./typical_call.ts";

/** Weight of the newest answer in the averages of a node's speed. */
const NEWEST_WEIGHT = 0.3;

/** Weight of the newest answer in what changes slowly. */
const SLOW_WEIGHT = 0.1;

/** Weight of the newest answer in the average of the answers' lengths. */
const LENGTH_WEIGHT = 0.015;

/** By how much one more running call slows the others down, until it is measured. */
const SLOWDOWN_PER_CALL = 0.15;

/** Levels of concurrency that are told apart: 1, 2, 3 to 5, 6 to 11, and so on. */
const LEVELS = 14;

/** When an answer is expected, in milliseconds since the node was sent the call. */
export interface Times {
  readonly firstMs: number;
  readonly endMs: number;
}

/** What a call asks of a node. */
export interface Work {
  /** Characters of the prompt that the node does not hold. */
  readonly chars: number;
  /** Length of the answer. */
  readonly tokens: number;
  /** Calls that run on the node meanwhile, this one included. */
  readonly running: number;
}

/** An answer as it was measured. */
export interface Measured extends Work {
  /** Length of the answer by the node's own count. */
  readonly claimedTokens: number;
  /** Null: the answer came in one piece. */
  readonly firstMs: number | null;
  readonly durationMs: number;
}

/** Averages of what was read (x), how long that took (y), and their products. */
interface Fit {
  x: number;
  y: number;
  xx: number;
  xy: number;
}

/** A node's speed as gateways share it: plain JSON. Field names are shared with gateways of other versions. */
export interface SpeedRecord {
  ms_per_token: number;
  /** By level of concurrency; null: not measured there. */
  slowdowns: (number | null)[];
  /** x, y, xx and xy of the fit; null: not measured. */
  fit: [number, number, number, number] | null;
  load_ms: number;
  hit_rate: number;
  hits_looked: number;
  answers: number;
  log_tokens: number;
  first_error: number | null;
  end_error: number | null;
}

export class NodeSpeed {
  /** Of a call that runs alone. */
  #msPerToken = 0;
  /** How many times as long a token takes at each level of concurrency. */
  readonly #slowdowns: number[] = [];
  /** From which the time to the first token is fitted to the length of what is read. */
  #fit: Fit | null = null;
  /** The fitted line. */
  #slope = 0;
  #baseMs = 0;
  /** How long the model takes to load; 0: not measured. */
  loadMs = 0;
  /** The part of the prompts expected in the cache that was there. */
  hitRate = 0.9;
  /** Prompts of which it was seen whether the expected part was there; 0: `hitRate` is a guess. */
  hitsLooked = 0;
  /** Answers measured. */
  answers = 0;
  /** In monotonic milliseconds. */
  measuredMs = 0;
  /** Whether another gateway has measured it, and this one not since. */
  isAdopted = false;
  /** Average logarithm of the answers' lengths, by the node's own count. */
  logTokens = 0;
  /** The logarithm of `typicalMs` as it was counted last. */
  logMs = 0;
  /** Its calls that run now, where other calls may wait for them. */
  readonly ends = new NodeEnds();
  /** Moving medians of how far expectations were off, as parts of the real times; null: none was compared. */
  firstError: number | null = null;
  endError: number | null = null;
  /** Steps of the typical call's cost by level; they are computed when asked for, after each answer. */
  #steps: (number | undefined)[] = [];
  #lastSteps: (number | undefined)[] = [];

  expected({ chars, tokens, running }: Work): Times {
    const firstMs = this.readMs(chars);
    return { firstMs, endMs: firstMs + tokens * this.msPerToken(running) };
  }

  /** Until the end of the answer to a typical call that runs alone. */
  get typicalMs(): number {
    return this.expected({ chars: PROMPT_CHARS, tokens: ANSWER_TOKENS, running: 1 }).endMs;
  }

  /** Until the first token of an answer to so much that must be read. */
  readMs(chars: number): number {
    return this.#baseMs + this.#slope * chars;
  }

  msPerToken(running: number): number {
    return this.#msPerToken * this.#slowdown(levelOf(running));
  }

  /** Time per character of a prompt. */
  get msPerChar(): number {
    return this.#slope;
  }

  /** Running calls, the middle of each level that was measured, and what a token takes then. */
  *decodeSpeeds(): Iterable<{ running: number; msPerToken: number }> {
    for (let level = 0; level < LEVELS; level++) {
      if (level > 0 && this.#slowdowns[level] === undefined) continue;
      const running = 2 ** level;
      yield { running, msPerToken: this.msPerToken(running) };
    }
  }

  /**
   * The logarithm of the typical call's time, in whole steps. A step is left only when the cost is well
   * beyond it, so that equally fast nodes do not change places by the noise of their answers.
   */
  step(running: number, stepOf: (ms: number) => number): number {
    const level = levelOf(running);
    const known = this.#steps[level];
    if (known !== undefined) return known;
    const work = { chars: PROMPT_CHARS, tokens: ANSWER_TOKENS, running: 1 << level };
    const exact = stepOf(this.expected(work).endMs);
    const last = this.#lastSteps[level];
    const step = last !== undefined && Math.abs(exact - last) < 0.8 ? last : Math.round(exact);
    this.#lastSteps[level] = step;
    return this.#steps[level] = step;
  }

  record(): SpeedRecord {
    const fit = this.#fit;
    return {
      ms_per_token: this.#msPerToken,
      slowdowns: Array.from(this.#slowdowns, (slowdown) => slowdown ?? null),
      fit: fit === null ? null : [fit.x, fit.y, fit.xx, fit.xy],
      load_ms: this.loadMs,
      hit_rate: this.hitRate,
      hits_looked: this.hitsLooked,
      answers: this.answers,
      log_tokens: this.logTokens,
      first_error: this.firstError,
      end_error: this.endError,
    };
  }

  /** Takes over what another gateway has measured, in place of all that was measured here. */
  adopt(record: SpeedRecord): void {
    this.isAdopted = true;
    this.#steps = [];
    this.#msPerToken = record.ms_per_token;
    this.#slowdowns.length = 0;
    for (const [level, slowdown] of record.slowdowns.slice(0, LEVELS).entries()) {
      if (slowdown !== null) this.#slowdowns[level] = slowdown;
    }
    const [x, y, xx, xy] = record.fit ?? [0, 0, 0, 0];
    this.#fitTo({ x, y, xx, xy });
    if (record.fit === null) this.#fit = null;
    this.loadMs = record.load_ms;
    this.hitRate = record.hit_rate;
    this.hitsLooked = record.hits_looked;
    this.answers = record.answers;
    this.logTokens = record.log_tokens;
    this.firstError = record.first_error;
    this.endError = record.end_error;
  }

  learn({ chars, tokens, claimedTokens, running, firstMs, durationMs }: Measured): void {
    this.isAdopted = false;
    const isFirst = this.answers++ === 0;
    this.#steps = [];
    // An answer without tokens is read alone; one in one piece does not show when its first token was there.
    const readMs = tokens === 0 ? durationMs : firstMs;
    if (readMs !== null) this.#learnReading(chars, readMs);
    if (tokens === 0) return;
    const writtenMs = Math.max(
      0,
      durationMs - (firstMs ?? Math.min(this.readMs(chars), durationMs)),
    );
    this.#learnWriting(writtenMs / tokens, levelOf(running), isFirst);
    const weight = Math.max(LENGTH_WEIGHT, 1 / this.answers);
    this.logTokens += weight * (Math.log(claimedTokens) - this.logTokens);
  }

  #learnReading(chars: number, ms: number): void {
    const fit = this.#fit;
    const newest = { x: chars, y: ms, xx: chars * chars, xy: chars * ms };
    if (fit === null) return this.#fitTo(newest);
    // Once all was read 2 times as slowly or fast as expected, the node has changed, and what it was counts less.
    const ratio = (ms + 20) / (this.readMs(chars) + 20);
    const weight = ratio > 2 || ratio < 0.5 ? NEWEST_WEIGHT : SLOW_WEIGHT;
    for (const key of ["x", "y", "xx", "xy"] as const) {
      fit[key] += weight * (newest[key] - fit[key]);
    }
    this.#fitTo(fit);
  }

  #fitTo(fit: Fit): void {
    this.#fit = fit;
    this.#slope = slopeOf(fit);
    this.#baseMs = Math.max(0, fit.y - this.#slope * fit.x);
  }

  #learnWriting(msPerToken: number, level: number, isFirst: boolean): void {
    const slowdown = this.#slowdown(level);
    const before = this.#msPerToken;
    const alone = msPerToken / slowdown;
    this.#msPerToken = isFirst || before === 0 ? alone : before + NEWEST_WEIGHT * (alone - before);
    if (level === 0 || before === 0) return;
    const measured = Math.max(1, msPerToken / before);
    // A node that has slowed down as a whole says nothing of its calls among each other.
    if (measured > 2 * slowdown || slowdown > 2 * measured) return;
    this.#slowdowns[level] = slowdown + SLOW_WEIGHT * (measured - slowdown);
  }

  /** As measured at the level, else from the nearest lower one that was. */
  #slowdown(level: number): number {
    if (level === 0) return 1;
    for (let known = level; known > 0; known--) {
      const slowdown = this.#slowdowns[known];
      if (slowdown === undefined) continue;
      return slowdown + SLOWDOWN_PER_CALL * ((1 << level) - (1 << known));
    }
    return 1 + SLOWDOWN_PER_CALL * ((1 << level) - 1);
  }
}

const levels = Uint8Array.from({ length: 256 }, (_, running) => exactLevelOf(running));

function levelOf(running: number): number {
  return levels[running] ?? exactLevelOf(running);
}

function exactLevelOf(running: number): number {
  return running < 1.5 ? 0 : Math.min(LEVELS - 1, Math.round(Math.log2(running)));
}

/** Of the fitted line; between samples of about one length, that of a line through the origin. */
function slopeOf({ x, y, xx, xy }: Fit): number {
  if (x <= 0) return 0;
  const proportional = y / x;
  const ridge = 0.05 * x * x;
  const variance = Math.max(0, xx - x * x);
  const slope = (xy - x * y + ridge * proportional) / (variance + ridge);
  return Math.min(Math.max(0, slope), proportional);
}
