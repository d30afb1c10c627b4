/**
 * The links that are served under one node key: machines may share a token and a node id, or an
 * address. Each has an ordinal of its own. What a newcomer costs does not depend on how many there are.
 */

import type { Clock } from "../base/clock.ts";

/** A newcomer concerns at most so many of its twins. */
export const MAX_TWINS_AT_ONCE = 64;

/** A twin that was asked for a sign of life is asked again after this time at the earliest. */
export const ASK_EVERY_MS = 5_000;

/** The twins of one node key. */
interface Family<T> {
  readonly ordinals: Map<T, number>;
  /** Ordinals that twins have given back, the smallest last. */
  readonly free: number[];
  /** Those that can be asked for a sign of life, the one that was asked longest ago first. */
  readonly askable: Set<T>;
  /** Those that were asked to dial another gateway. */
  readonly moving: Set<T>;
}

export class Twins<T> {
  readonly #families = new Map<string, Family<T>>();

  constructor(private readonly clock: Pick<Clock, "after">) {}

  /** Returns the smallest ordinal that no twin has. The link has it until it gives it back. */
  take(base: string, link: T): number {
    const family = this.#families.get(base) ?? createFamily();
    this.#families.set(base, family);
    const ordinal = family.free.pop() ?? family.ordinals.size;
    family.ordinals.set(link, ordinal);
    family.askable.add(link);
    return ordinal;
  }

  giveBack(base: string, link: T): void {
    const family = this.#families.get(base);
    const ordinal = family?.ordinals.get(link);
    if (family === undefined || ordinal === undefined) return;
    family.ordinals.delete(link);
    family.askable.delete(link);
    family.moving.delete(link);
    if (family.ordinals.size === 0) this.#families.delete(base);
    else insertDescending(family.free, ordinal);
  }

  /** The link was asked to dial another gateway. */
  move(base: string, link: T): void {
    const family = this.#families.get(base);
    if (family?.ordinals.has(link)) family.moving.add(link);
  }

  /** Twins that were asked to dial another gateway: as many as a newcomer concerns. */
  moving(base: string): T[] {
    return firstOf(this.#families.get(base)?.moving ?? []);
  }

  /**
   * Takes the twins that can be asked for a sign of life, as many as a newcomer concerns and those first
   * that were asked longest ago. After `ASK_EVERY_MS` they can be asked again, and `then` is called.
   */
  ask(base: string, then: (asked: readonly T[]) => void): readonly T[] {
    return this.#askThese(base, firstOf(this.#families.get(base)?.askable ?? []), then);
  }

  /** The same for one twin: none where it was asked less than `ASK_EVERY_MS` ago. */
  askOne(base: string, link: T, then: (asked: readonly T[]) => void): readonly T[] {
    const isAskable = this.#families.get(base)?.askable.has(link) === true;
    return this.#askThese(base, isAskable ? [link] : [], then);
  }

  #askThese(base: string, links: readonly T[], then: (asked: readonly T[]) => void): readonly T[] {
    if (links.length === 0) return links;
    const askable = this.#families.get(base)?.askable;
    for (const link of links) askable?.delete(link);
    this.clock.after(ASK_EVERY_MS, () => {
      this.#giveAskable(base, links);
      then(links);
    });
    return links;
  }

  #giveAskable(base: string, links: readonly T[]): void {
    const family = this.#families.get(base);
    for (const link of links) if (family?.ordinals.has(link)) family.askable.add(link);
  }
}

function createFamily<T>(): Family<T> {
  return { ordinals: new Map(), free: [], askable: new Set(), moving: new Set() };
}

/** As many as a newcomer concerns. */
export function firstOf<T>(links: Iterable<T>): T[] {
  const first: T[] = [];
  for (const link of links) {
    if (first.length === MAX_TWINS_AT_ONCE) break;
    first.push(link);
  }
  return first;
}

function insertDescending(numbers: number[], number: number): void {
  let [from, to] = [0, numbers.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (numbers[middle]! > number) from = middle + 1;
    else to = middle;
  }
  numbers.splice(from, 0, number);
}
