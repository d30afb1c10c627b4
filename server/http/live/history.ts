/** The events of a while, numbered, so that a browser that lost its connection gets what it missed. */

import type { LiveTopic } from "../../../api/mod.ts";
import type { Visitor } from "../../account/session_book.ts";

/** One event as it is written; `to`: whom it concerns. */
export interface LiveEvent {
  topic: LiveTopic;
  name: string;
  /** JSON, as everybody else sees it. */
  data: string;
  /** Null: everybody. */
  onlyFor: string | null;
  /** Whether it is for administrators only. */
  isForAdmins?: boolean;
  /** What its owner sees instead. */
  own: { accountId: string; data: string } | null;
}

const MAX_EVENTS = 2_000;

export class LiveHistory {
  #epoch = newEpoch();
  #events: LiveEvent[] = [];
  /** The number of the first event that is kept. */
  #first = 1;

  /** The number of the event that was added last, as browsers send it back. */
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

  /** What came after that event; null: it is not known what did. */
  since(id: string | undefined): { id: string; event: LiveEvent }[] | null {
    const [epoch, text] = id?.split(".") ?? [];
    const number = Number(text);
    if (epoch !== this.#epoch || !Number.isSafeInteger(number)) return null;
    const from = number + 1 - this.#first;
    if (from < 0 || from > this.#events.length) return null;
    return this.#events.slice(from)
      .map((event, at) => ({ id: `${this.#epoch}.${number + 1 + at}`, event }));
  }

  /** From now on nothing is known of before. */
  forget(): void {
    this.#epoch = newEpoch();
    this.#events = [];
    this.#first = 1;
  }
}

/** What a visitor gets of an event; null: nothing. */
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
