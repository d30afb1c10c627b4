/** Finds the accounts and groups that the names in nodes' `share_with` stand for, and follows their changes. */

import { normalizedEmail } from "./account/email.ts";
import type { Groups } from "./account/groups.ts";
import { type Clock, MINUTE_MS } from "./base/clock.ts";
import type { Log } from "./base/log.ts";
import { type Audience, FOR_EVERYONE } from "./node/audience.ts";
import type { Hub } from "./node/hub.ts";
import type { Node } from "./node/node.ts";
import { PeriodicTask } from "./store/periodic_task.ts";
import type { UserTable } from "./store/users.ts";

export interface AudiencesParts {
  users: Pick<UserTable, "idsByEmail">;
  groups: Pick<Groups, "idOf" | "changes">;
  clock: Clock;
  log: Log;
  /** Passes a warning on to the node and to its owner. */
  warn: (node: Node, text: string) => void;
}

/** An account that is made, or deleted, meets the nodes that name it within this time. */
const LOOK_EVERY_MS = 30_000;

/** Between two looks for addresses that nodes have just named. */
const SOONEST_LOOK_MS = 1_000;

const MAX_WARNING_CHARS = 200;

/** Of one node: it may name other groups many times a second, and each warning is written down. */
const WARNINGS_PER_MINUTE = 5;

/** Names that are looked up together. */
const BATCH = 500;

const GROUP = "group:";
const USER = "user:";

export class Audiences {
  /** By address in its stored spelling; null: no account has it. */
  readonly #accountIds = new Map<string, string | null>();
  #hub: Hub | null = null;
  #isPlanned = false;
  #mayLookMs = -Infinity;
  readonly #task: PeriodicTask;
  /** What each node was warned of. */
  readonly #warned = new WeakMap<Node, { names: string; sinceMs: number; count: number }>();

  constructor(private readonly parts: AudiencesParts) {
    this.#task = new PeriodicTask({
      everyMs: LOOK_EVERY_MS,
      run: () => this.#lookAgain(),
      failure: "cannot look for the accounts that nodes are shared with",
      clock: parts.clock,
      log: parts.log,
    });
    parts.groups.changes.subscribe(() => this.#resolve());
  }

  start(hub: Hub): void {
    this.#hub = hub;
    this.#task.start();
  }

  close(): Promise<void> {
    return this.#task.close();
  }

  /** For whom the node is, as far as is known. An account that must be looked up first is added in a moment. */
  of(node: Node): Audience {
    const { shareWith = "everyone" } = node.offer;
    if (shareWith === "everyone") return FOR_EVERYONE;
    const accounts = new Map<string, string>();
    const groups = new Map<string, string>();
    const missing: string[] = [];
    for (const name of typeof shareWith === "string" ? [] : shareWith) {
      if (name.startsWith(GROUP)) {
        const id = this.parts.groups.idOf(name.slice(GROUP.length));
        if (id === null) missing.push(name);
        else if (!groups.has(id)) groups.set(id, name);
      } else {
        const email = emailIn(name);
        const id = this.#accountIds.get(email);
        if (id === undefined) this.#lookSoon();
        else if (id !== null && !accounts.has(id)) accounts.set(id, name);
      }
    }
    this.#warn(node, missing);
    return { isForEveryone: false, accounts, groups };
  }

  /** Names of users are left out of the warning: an owner would learn which addresses have accounts here. */
  #warn(node: Node, missing: readonly string[]): void {
    const names = missing.join(", ");
    const nowMs = this.parts.clock.monotonic();
    const before = this.#warned.get(node) ?? { names: "", sinceMs: nowMs, count: 0 };
    if (node.gateway !== null || before.names === names) return;
    const isSameMinute = nowMs - before.sinceMs < MINUTE_MS;
    const count = (isSameMinute ? before.count : 0) + (names === "" ? 0 : 1);
    this.#warned.set(node, { names, sinceMs: isSameMinute ? before.sinceMs : nowMs, count });
    if (names === "" || count > WARNINGS_PER_MINUTE) return;
    const text = `share_with names groups that do not exist here, and match no call: ${names}`;
    this.parts.warn(node, text.slice(0, MAX_WARNING_CHARS));
  }

  /** Nodes choose the addresses: new ones are looked up together, one look at a time, and once a second. */
  #lookSoon(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    const { clock } = this.parts;
    clock.after(Math.max(0, this.#mayLookMs - clock.monotonic()), async () => {
      const isNew = (email: string) => !this.#accountIds.has(email);
      await this.#look([...this.#emails()].filter(isNew)).catch(() => {});
      this.#mayLookMs = clock.monotonic() + SOONEST_LOOK_MS;
      this.#isPlanned = false;
      this.#resolve();
    });
  }

  async #lookAgain(): Promise<void> {
    const emails = [...this.#emails()];
    await this.#look(emails);
    const used = new Set(emails);
    for (const email of this.#accountIds.keys()) {
      if (!used.has(email)) this.#accountIds.delete(email);
    }
    this.#resolve();
  }

  async #look(emails: readonly string[]): Promise<void> {
    for (let from = 0; from < emails.length; from += BATCH) {
      const some = emails.slice(from, from + BATCH);
      const found = await this.parts.users.idsByEmail(some);
      for (const email of some) this.#accountIds.set(email, null);
      for (const { email, id } of found) this.#accountIds.set(email, id);
    }
  }

  *#emails(): Iterable<string> {
    const seen = new Set<string>();
    for (const { offer: { shareWith } } of this.#hub?.nodes() ?? []) {
      for (const name of Array.isArray(shareWith) ? shareWith as readonly string[] : []) {
        if (!name.startsWith(USER)) continue;
        const email = emailIn(name);
        if (!seen.has(email)) yield email;
        seen.add(email);
      }
    }
  }

  /** Applies what is known now to the nodes for which it differs. */
  #resolve(): void {
    for (const node of [...this.#hub?.nodes() ?? []]) {
      if (!node.audience.isForEveryone && !isSame(node.audience, this.of(node))) {
        this.#hub?.resolve(node);
      }
    }
  }
}

function emailIn(name: string): string {
  return normalizedEmail(name.slice(USER.length));
}

function isSame(a: Audience, b: Audience): boolean {
  return isSameMap(a.accounts, b.accounts) && isSameMap(a.groups, b.groups);
}

function isSameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([id, name]) => b.get(id) === name);
}
