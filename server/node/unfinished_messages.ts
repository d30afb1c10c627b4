/**
 * Finds the account whose links fill memory with messages that they never finish. The runtime keeps the
 * parts of a WebSocket message until it is whole and shows neither them nor their size, and pongs may
 * stand between them. What can be seen is memory that the program has no other reason for, and on which
 * links no whole message has come lately: an account's are cut, and what that frees shows whether it
 * was the one.
 */

import { MINUTE_MS } from "../base/clock.ts";
import type { Budget, Budgets } from "../base/budgets.ts";
import { LruCache } from "../base/lru.ts";

const MIB = 1024 * 1024;

/** How often memory is looked at, and where no account can have more links than are spared. */
export const LOOK_MS = 250;
export const CALM_LOOK_MS = 2_000;

/**
 * Memory may grow by so much for reasons that are not known, at so many looks one after another: what a
 * collection of garbage has freed is given back a moment later. Where an account is known to fill
 * memory, its links are cut at the first look.
 */
const GROWN_BYTES = 160 * MIB;
const LOOKS = 4;

/** So much may be kept for one account's links: as many as can hold it are never cut. */
const SPARED_BYTES = 64 * MIB;

/** An account whose links held so much is the one. */
const FREED_BYTES = 32 * MIB;

/** For so long it is remembered whether an account was the one, and how much memory was not its. */
const VERDICT_MS = 10 * MINUTE_MS;

/** A link on which a whole message has come within this time is not cut: what it holds is younger. */
const RECENT_MS = 1_000;

/** A connected link accounts for about so much: TLS takes most of it. */
const LINK_BYTES = 10 * 1024;

/** Adding up what the program's objects take costs milliseconds where that is much: it is done so rarely, unless the result would matter. */
const LOOKS_PER_SUM = 30;

const MAX_REMEMBERED = 1_000;

/** The memory of this process, in bytes. */
export interface ProcessMemory {
  /** All that is resident. */
  residentBytes(): number;
  /** What the program's own objects account for. */
  knownBytes(): number;
}

export const processMemory: ProcessMemory = {
  residentBytes: () => process.memoryUsage.rss(),
  knownBytes() {
    const { heapTotal, external } = process.memoryUsage();
    return heapTotal + external;
  },
};

/** A link that could hold a part of a message. */
export interface ReceivingLink {
  /** When a whole message came last, or it was opened, in monotonic milliseconds. */
  readonly messageMs: number;
  /** Whether calls would be lost with it. */
  readonly losesCalls: boolean;
  /** What its socket has not sent yet: the runtime keeps that, too. */
  readonly unsentBytes: number;
}

/** Links that may hold unfinished messages, of one account. */
export interface Suspects<L> {
  accountId: string;
  links: readonly L[];
  /** By how much memory has grown for no known reason. */
  grownBytes: number;
}

export class UnfinishedMessages<L extends ReceivingLink> {
  /** So many links of an account are never cut. */
  readonly spared: number;
  /** The least memory without a known reason so far, or what cutting links could not free. */
  #floorBytes = Infinity;
  #recentBytes: number[] = [];
  /** What the program's objects accounted for when they were last added up, and the looks since; null: never. */
  #known: { bytes: number; looks: number } | null = null;
  /** Accounts whose links were cut since memory was enough. */
  readonly #tried = new Set<string>();
  /** Accounts whose links were cut. */
  readonly #verdicts = new LruCache<string, Verdict>(MAX_REMEMBERED);
  /** The account whose links were cut at the last look, and the memory before. */
  #cut: { accountId: string; bytes: number } | null = null;
  readonly #budget: Budget;

  constructor(
    private readonly memory: ProcessMemory,
    maxMessageBytes: number,
    budgets: Budgets,
  ) {
    this.spared = Math.max(1, Math.floor(SPARED_BYTES / maxMessageBytes));
    const limit = GROWN_BYTES + SPARED_BYTES;
    this.#budget = budgets.add("unfinished_message_bytes", { limit });
  }

  /** Called every LOOK_MS; `links` gives all links and their accounts. Returns links that are to be cut now. */
  look(links: () => AccountLinks<L>, linkCount: number, nowMs: number): Suspects<L> | null {
    const unknownBytes = this.#unknownBytes(linkCount);
    this.#floorBytes = Math.min(this.#floorBytes, unknownBytes);
    // All links are only looked at where it matters: there may be thousands of them.
    const matters = unknownBytes - this.#floorBytes > GROWN_BYTES || this.#cut !== null;
    const bytes = matters ? unknownBytes - unsentBytes(links()) : unknownBytes;
    this.#judge(bytes, nowMs);
    this.#recentBytes = [...this.#recentBytes.slice(1 - LOOKS), bytes];
    const grownBytes = bytes - this.#floorBytes;
    if (grownBytes <= GROWN_BYTES) {
      this.#tried.clear();
      return null;
    }
    const found = this.#mostSuspect(links(), bytes, nowMs);
    if (found === null) return this.#takeForGranted();
    const [accountId, suspects] = found;
    this.#tried.add(accountId);
    this.#cut = { accountId, bytes };
    this.#recentBytes = [];
    suspects.sort((a, b) =>
      Number(a.losesCalls) - Number(b.losesCalls) || a.messageMs - b.messageMs
    );
    const cut = suspects.slice(0, -this.spared);
    for (let i = 0; i < cut.length; i++) this.#budget.refused();
    return { accountId, links: cut, grownBytes };
  }

  get #hasLastedLong(): boolean {
    return this.#recentBytes.length === LOOKS &&
      Math.min(...this.#recentBytes) - this.#floorBytes > GROWN_BYTES;
  }

  /** The growth is no one's links. */
  #takeForGranted(): null {
    if (this.#hasLastedLong) {
      this.#floorBytes = Math.min(...this.#recentBytes);
      this.#tried.clear();
    }
    return null;
  }

  /** Memory that neither the program's objects nor the number of links explain. */
  #unknownBytes(linkCount: number): number {
    const bytes = this.memory.residentBytes() - linkCount * LINK_BYTES;
    const known = this.#known;
    if (known !== null && ++known.looks < LOOKS_PER_SUM) {
      const unknownBytes = bytes - known.bytes;
      const grownBytes = unknownBytes - this.#floorBytes;
      if (grownBytes >= 0 && grownBytes <= GROWN_BYTES) return unknownBytes;
    }
    this.#known = { bytes: this.memory.knownBytes(), looks: 0 };
    return bytes - this.#known.bytes;
  }

  /** Whether the account whose links were cut at the last look was the one. */
  #judge(bytes: number, nowMs: number): void {
    if (this.#cut === null) return;
    const { accountId, bytes: before } = this.#cut;
    this.#cut = null;
    const isGuilty = before - bytes >= FREED_BYTES;
    this.#verdicts.set(accountId, { isGuilty, bytes: before, untilMs: nowMs + VERDICT_MS });
  }

  /**
   * Accounts that were the one before go first. Those that were not go last, and only where memory has
   * grown once more by as much as it may: others let it come and go up to there.
   */
  #rankOf(accountId: string, bytes: number, nowMs: number): Rank {
    const verdict = this.#verdicts.get(accountId);
    if (verdict === undefined || nowMs >= verdict.untilMs) return Rank.unknown;
    if (verdict.isGuilty) return Rank.guilty;
    return bytes - verdict.bytes > GROWN_BYTES ? Rank.innocent : Rank.excused;
  }

  /**
   * The account with most links that may hold a message for long, and them: of those that were the one
   * before, or, where the growth has lasted long, of those that were not tried yet.
   */
  #mostSuspect(
    links: AccountLinks<L>,
    bytes: number,
    nowMs: number,
  ): [accountId: string, links: L[]] | null {
    const all = this.#hasLastedLong;
    const accounts = new Map<string, { rank: Rank; links: L[] }>();
    for (const [accountId, link] of links) {
      let account = accounts.get(accountId);
      if (account === undefined) {
        account = { rank: this.#rankOf(accountId, bytes, nowMs), links: [] };
        accounts.set(accountId, account);
      }
      const isOld = nowMs - link.messageMs >= RECENT_MS;
      if (account.rank === Rank.guilty || (all && isOld && account.rank !== Rank.excused)) {
        account.links.push(link);
      }
    }
    const [most] = [...accounts]
      .filter(([accountId, { rank, links }]) =>
        links.length > this.spared && (rank === Rank.guilty || !this.#tried.has(accountId))
      )
      .sort(([, a], [, b]) => b.rank - a.rank || b.links.length - a.links.length);
    return most === undefined ? null : [most[0], most[1].links];
  }
}

type AccountLinks<L> = Iterable<readonly [accountId: string, link: L]>;

/** What cutting an account's links has shown. */
interface Verdict {
  isGuilty: boolean;
  /** The memory before. */
  bytes: number;
  /** Until when it counts, in monotonic milliseconds. */
  untilMs: number;
}

function unsentBytes(links: AccountLinks<ReceivingLink>): number {
  let bytes = 0;
  for (const [, link] of links) bytes += link.unsentBytes;
  return bytes;
}

const enum Rank {
  excused,
  innocent,
  unknown,
  guilty,
}
