/** What was measured of one node for one service: how fast it reads, how fast it writes, and what else delays it. */

import { NodeEnds } from "./slot_ends.ts";
import { ANSWER_TOKENS, PROMPT_CHARS } from "./typical_call.ts";

/** Weight of the newest answer in the averages of a node's speed. */
const NEWEST_WEIGHT = 0.3;

/** Weight of the newest answer in what changes slowly. */
const SLOW_WEIGHT = 0.1;

/** A first token that is so many times as late or as soon as expected is far off. */
const FAR_OFF = 1.5;

/** So many in a row that are far off in one direction show that the node has changed; one alone may be an accident. */
const FAR_OFF_IN_A_ROW = 3;

/** Characters that are read in the time in which one token is written, until that was measured: servers read some 25 times as fast. */
const READ_CHARS_PER_TOKEN = 100;

/** How much the assumed slope counts beside the measured one, as a part of the squared mean length. */
const RIDGE = 0.01;

/**
 * A line may be so many times as steep as one through the origin: what surrounds a short prompt in
 * its request is not read.
 */
const STEEPEST = 4;

/** Rises of `#leastMs`, nine first tokens in ten, and its falls, one in ten, balance. */
const LEAST_RISE = 1.2 ** 0.1;
const LEAST_FALL = 1.2 ** -0.9;

/** Added to both times in judging how far off one was, so that a few milliseconds are no error. */
const GRAIN_MS = 10;

/** Weight of the newest answer in the average of the answers' lengths. */
const LENGTH_WEIGHT = 0.015;

/** By how much one more running call slows the others down, until it is measured. */
const SLOWDOWN_PER_CALL = 0.15;

/** Levels of concurrency that are measured separately: 1, 2, 3 to 5, 6 to 11, and so on. */
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
  /** Calls that run while it is read; default: as many. */
  readonly reading?: number;
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
  /** The same for reading the prompt. */
  read_slowdowns?: (number | null)[];
  /** What first tokens that were far too late add on average. */
  late_ms?: number;
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
  /** What one token takes while a single call runs. */
  #msPerToken = 0;
  /** How many times as long a token takes at each level of concurrency. */
  readonly #slowdowns: number[] = [];
  /** How many times as long the first token takes at each level of concurrency. */
  readonly #readSlowdowns: number[] = [];
  /**
   * What first tokens that were far too late add on average. They are no part of the first token
   * that is expected, which is the usual one; a node that stalls now and then is not fast for that.
   */
  lateMs = 0;
  /** First tokens in a row that were far off: negative, sooner; positive, later. */
  #farOff = 0;
  /** Averages to which a line is fitted: the time to the first token by the length of what is read. */
  #fit: Fit | null = null;
  /** The fitted line. */
  #slope = 0;
  #baseMs = 0;
  /** The tenth percentile of the times to the first token, for a call that runs alone. */
  #leastMs = 0;
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
  /** Whether the values are another gateway's, and nothing was measured here since. */
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

  expected({ chars, tokens, running, reading = running }: Work): Times {
    const firstMs = this.readMs(chars, reading);
    return { firstMs, endMs: firstMs + this.lateMs + tokens * this.msPerToken(running) };
  }

  /** How long a typical call takes that runs alone, in milliseconds. */
  get typicalMs(): number {
    return this.expected({ chars: PROMPT_CHARS, tokens: ANSWER_TOKENS, running: 1 }).endMs;
  }

  /** The time to the first token with so many characters to read and so many calls running. */
  readMs(chars: number, running = 1): number {
    const aloneMs = Math.max(this.#leastMs, this.#baseMs + this.#slope * chars);
    return aloneMs * this.#readSlowdown(levelOf(running));
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
      read_slowdowns: Array.from(this.#readSlowdowns, (slowdown) => slowdown ?? null),
      late_ms: this.lateMs,
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
    copy(record.slowdowns, this.#slowdowns);
    copy(record.read_slowdowns ?? [], this.#readSlowdowns);
    this.#farOff = 0;
    this.#leastMs = 0;
    this.lateMs = record.late_ms ?? 0;
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

  learn(
    { chars, tokens, claimedTokens, running, reading = running, firstMs, durationMs }: Measured,
  ): void {
    this.isAdopted = false;
    const isFirst = this.answers++ === 0;
    this.#steps = [];
    // All the time of an answer without tokens is reading; an answer in one piece does not show when its first token came.
    const readMs = tokens === 0 ? durationMs : firstMs;
    if (readMs !== null) this.#learnReading(chars, readMs, levelOf(reading));
    if (tokens > 0) {
      const firstOrExpectedMs = firstMs ?? this.readMs(chars, reading);
      const writtenMs = Math.max(0, durationMs - firstOrExpectedMs);
      this.#learnWriting(writtenMs / tokens, levelOf(running), isFirst);
    }
    if (this.#fit !== null) this.#fitTo(this.#fit);
    if (tokens === 0) return;
    const weight = Math.max(LENGTH_WEIGHT, 1 / this.answers);
    this.logTokens += weight * (Math.log(claimedTokens) - this.logTokens);
  }

  /**
   * Fits an overhead and a time per character by least squares with exponential decay. A single time
   * that is far off counts as one that is off by the factor `FAR_OFF`.
   */
  #learnReading(chars: number, ms: number, level: number): void {
    const fit = this.#fit;
    const slowdown = this.#readSlowdown(level);
    let alone = ms / slowdown;
    if (fit === null) {
      this.#leastMs = alone;
      this.#fit = sampleOf(chars, alone);
      return;
    }
    this.#leastMs = this.#leastMs === 0
      ? alone
      : this.#leastMs * (alone < this.#leastMs ? LEAST_FALL : LEAST_RISE);
    const expectedMs = this.readMs(chars);
    const ratio = (alone + GRAIN_MS) / (expectedMs + GRAIN_MS);
    const side = ratio > FAR_OFF ? 1 : ratio < 1 / FAR_OFF ? -1 : 0;
    this.#farOff = side === 0 ? 0 : this.#farOff * side > 0 ? this.#farOff + side : side;
    const hasChanged = Math.abs(this.#farOff) >= FAR_OFF_IN_A_ROW;
    const bounded = Math.min(FAR_OFF, Math.max(1 / FAR_OFF, ratio));
    let lateMs = 0;
    if (!hasChanged) {
      const realMs = alone;
      alone = Math.max(0, bounded * (expectedMs + GRAIN_MS) - GRAIN_MS);
      if (side > 0) lateMs = realMs - alone;
      if (level > 0) this.#readSlowdowns[level] = slowdownAfter(slowdown, bounded);
    }
    this.lateMs += SLOW_WEIGHT * (lateMs - this.lateMs);
    // The spread of a time grows with it: short prompts say more of the overhead than long ones.
    const meanMs = Math.max(1, fit.y);
    const trust = Math.min(2, Math.max(0.1, (meanMs / Math.max(1, expectedMs)) ** 2));
    const weight = hasChanged ? NEWEST_WEIGHT : SLOW_WEIGHT * trust;
    const newest = sampleOf(chars, alone);
    for (const key of ["x", "y", "xx", "xy"] as const) {
      fit[key] += weight * (newest[key] - fit[key]);
    }
  }

  #fitTo(fit: Fit): void {
    this.#fit = fit;
    this.#slope = slopeOf(fit, this.#msPerToken / READ_CHARS_PER_TOKEN);
    this.#baseMs = fit.y - this.#slope * fit.x;
  }

  #learnWriting(msPerToken: number, level: number, isFirst: boolean): void {
    const slowdown = this.#slowdown(level);
    const before = this.#msPerToken;
    const alone = msPerToken / slowdown;
    this.#msPerToken = isFirst || before === 0 ? alone : before + NEWEST_WEIGHT * (alone - before);
    if (level === 0 || before === 0) return;
    const measured = Math.max(1, msPerToken / before);
    // A change of the whole node's speed is no effect of calls that run at the same time.
    if (measured > 2 * slowdown || slowdown > 2 * measured) return;
    this.#slowdowns[level] = slowdown + SLOW_WEIGHT * (measured - slowdown);
  }

  /** As measured at the level, else as at the nearest lower one that was. */
  #readSlowdown(level: number): number {
    for (let known = level; known > 0; known--) {
      const slowdown = this.#readSlowdowns[known];
      if (slowdown !== undefined) return slowdown;
    }
    return 1;
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

/** The fitted line's slope, drawn towards the assumed one where lengths are alike; bounded by `STEEPEST`. */
function slopeOf({ x, y, xx, xy }: Fit, assumed: number): number {
  if (x <= 0) return 0;
  const proportional = y / x;
  const ridge = RIDGE * x * x;
  const variance = Math.max(0, xx - x * x);
  const prior = assumed === 0 ? proportional : assumed;
  const slope = (xy - x * y + ridge * prior) / (variance + ridge);
  return Math.min(Math.max(0, slope), STEEPEST * proportional);
}

function sampleOf(chars: number, ms: number): Fit {
  return { x: chars, y: ms, xx: chars * chars, xy: chars * ms };
}

/** At least 1: reading is not faster while other calls run. */
function slowdownAfter(before: number, ratio: number): number {
  return Math.max(1, before * ratio ** SLOW_WEIGHT);
}

function copy(from: readonly (number | null)[], to: number[]): void {
  to.length = 0;
  for (const [level, one] of from.slice(0, LEVELS).entries()) {
    if (one !== null) to[level] = Math.max(1, one);
  }
}
