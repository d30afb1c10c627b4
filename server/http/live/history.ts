/** The last events, numbered, so that a browser that lost its connection gets those that it missed. */

import type { LiveTopic } from "../../../api/mod.ts";
import type { Visitor } from "../../account/session_book.ts";

/** One event, and who may see it. */
export interface LiveEvent {
  topic: LiveTopic;
  name: string;
  /** JSON. */
  data: string;
  /** The only account that receives it; null: all. */
  onlyFor: string | null;
  /** Whether only administrators receive it. */
  isForAdmins?: boolean;
  /** Whether the visitor may see the node that it is about; absent: it is about no node. */
  isFor?: (visitor: Pick<Visitor, "accountId" | "role">) => boolean;
  /** What the owner of its node receives instead of `data`. */
  own: { accountId: string; data: string } | null;
  /** What administrators receive instead of `data`; absent: the same. */
  forAdmins?: string;
  /** What the members of groups receive instead of `data`; absent: the same. */
  forMembers?: (visitor: Pick<Visitor, "accountId" | "role">) => string;
}

const MAX_EVENTS = 2_000;
/** Of the data of all events together: those of a node name all its models, hundreds of KiB. */
const MAX_CHARS = 8 * 1024 * 1024;
/** Sent again at a time; after more than this a browser starts over, which is shorter. */
const MAX_MISSED_CHARS = 512 * 1024;

export class LiveHistory {
  #epoch = newEpoch();
  #events: LiveEvent[] = [];
  /** The number of the oldest event that is kept. */
  #first = 1;
  #chars = 0;

  /** The id of the newest event, as browsers send it back. */
  get lastId(): string {
    return `${this.#epoch}.${this.#first + this.#events.length - 1}`;
  }

  /** Returns the event's id. */
  add(event: LiveEvent): string {
    this.#events.push(event);
    this.#chars += charsOf(event);
    while (this.#events.length > MAX_EVENTS || this.#chars > MAX_CHARS) this.#dropOldest();
    return this.lastId;
  }

  #dropOldest(): void {
    const count = Math.ceil(Math.min(this.#events.length, MAX_EVENTS) / 4);
    const dropped = this.#events.slice(0, count);
    this.#events = this.#events.slice(dropped.length);
    this.#first += dropped.length;
    this.#chars -= sumOf(dropped);
  }

  /** The events after that one; null: not all of them are known, or they are too long to be sent again. */
  since(id: string | undefined): { id: string; event: LiveEvent }[] | null {
    const [epoch, text] = id?.split(".") ?? [];
    const number = Number(text);
    if (epoch !== this.#epoch || !Number.isSafeInteger(number)) return null;
    const from = number + 1 - this.#first;
    if (from < 0 || from > this.#events.length) return null;
    const missed = this.#events.slice(from);
    if (sumOf(missed) > MAX_MISSED_CHARS) return null;
    return missed.map((event, at) => ({ id: `${this.#epoch}.${number + 1 + at}`, event }));
  }

  /** Drops all events; ids given before are unknown from now on. */
  forget(): void {
    this.#epoch = newEpoch();
    this.#events = [];
    this.#chars = 0;
    this.#first = 1;
  }
}

function charsOf({ data, own, forAdmins = "" }: LiveEvent): number {
  return data.length + (own?.data.length ?? 0) + forAdmins.length;
}

function sumOf(events: readonly LiveEvent[]): number {
  return events.reduce((sum, event) => sum + charsOf(event), 0);
}

/** The data of an event for one visitor; null: the visitor does not receive it. */
export function dataFor(
  event: LiveEvent,
  visitor: Pick<Visitor, "accountId" | "role">,
): string | null {
  const { accountId, role } = visitor;
  if (event.isFor?.(visitor) === false) return null;
  if (event.isForAdmins && role !== "admin") return null;
  if (event.onlyFor !== null && event.onlyFor !== accountId) return null;
  if (event.own?.accountId === accountId) return event.own.data;
  if (role === "admin") return event.forAdmins ?? event.data;
  return event.forMembers?.(visitor) ?? event.data;
}

function newEpoch(): string {
  return crypto.randomUUID().slice(0, 8);
}
