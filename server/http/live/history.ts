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
  /** What the owner of its node receives instead of `data`. */
  own: { accountId: string; data: string } | null;
}

const MAX_EVENTS = 2_000;

export class LiveHistory {
  #epoch = newEpoch();
  #events: LiveEvent[] = [];
  /** The number of the oldest event that is kept. */
  #first = 1;

  /** The id of the newest event, as browsers send it back. */
  get lastId(): string {
    return `${this.#epoch}.${this.#first + this.#events.length - 1}`;
  }

  /** Returns the event's id. */
  add(event: LiveEvent): string {
    this.#events.push(event);
    if (this.#events.length > MAX_EVENTS) {
      const cut = MAX_EVENTS / 4;
      this.#events = this.#events.slice(cut);
      this.#first += cut;
    }
    return this.lastId;
  }

  /** The events after that one; null: not all of them are known. */
  since(id: string | undefined): { id: string; event: LiveEvent }[] | null {
    const [epoch, text] = id?.split(".") ?? [];
    const number = Number(text);
    if (epoch !== this.#epoch || !Number.isSafeInteger(number)) return null;
    const from = number + 1 - this.#first;
    if (from < 0 || from > this.#events.length) return null;
    return this.#events.slice(from)
      .map((event, at) => ({ id: `${this.#epoch}.${number + 1 + at}`, event }));
  }

  /** Drops all events; ids given before are unknown from now on. */
  forget(): void {
    this.#epoch = newEpoch();
    this.#events = [];
    this.#first = 1;
  }
}

/** The data of an event for one visitor; null: the visitor does not receive it. */
export function dataFor(
  event: LiveEvent,
  { accountId, role }: Pick<Visitor, "accountId" | "role">,
): string | null {
  if (event.isForAdmins && role !== "admin") return null;
  if (event.onlyFor !== null && event.onlyFor !== accountId) return null;
  return event.own?.accountId === accountId ? event.own.data : event.data;
}

function newEpoch(): string {
  return crypto.randomUUID().slice(0, 8);
}
