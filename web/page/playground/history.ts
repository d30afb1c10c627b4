/** Earlier conversations, stored in this browser only: the gateway stores no prompt and no answer. */

import { type ReadonlySignal, signal } from "@preact/signals";
import { Conversation, type ConversationRecord } from "./conversation.ts";

const KEY = "colink.playground";
/** Beyond this, the oldest are deleted. */
const MAX_CONVERSATIONS = 30;
/** In characters; browsers grant a site about five million. */
const MAX_SIZE = 2_000_000;

const kept = signal<readonly ConversationRecord[]>(read());

/** Newest first. */
export const conversations: ReadonlySignal<readonly ConversationRecord[]> = kept;

/** Stores the conversation, replacing its earlier state. */
export function keep(conversation: Conversation): void {
  const record = conversation.record();
  const others = kept.peek().filter(({ id }) => id !== record.id);
  write([record, ...others].slice(0, MAX_CONVERSATIONS));
}

const OPEN_KEY = `${KEY}.open`;

/** Marks the conversation that is being answered in this tab; null: none is. */
export function markOpen(id: string | null): void {
  try {
    if (id === null) sessionStorage.removeItem(OPEN_KEY);
    else sessionStorage.setItem(OPEN_KEY, id);
  } catch {
    // Blocked: a reload does not go on.
  }
}

/** The conversation that was being answered when this tab was reloaded; null: none was. */
export function openConversation(): Conversation | null {
  try {
    const id = sessionStorage.getItem(OPEN_KEY);
    const record = kept.peek().find((one) => one.id === id);
    return record ? Conversation.from(record) : null;
  } catch {
    return null;
  }
}

export function forget(id: string): void {
  write(kept.peek().filter((one) => one.id !== id));
}

export function forgetAll(): void {
  write([]);
}

/** Deletes the history when another account has signed in. */
export function belongTo(accountId: string): void {
  const key = `${KEY}.account`;
  try {
    if (localStorage.getItem(key) === accountId) return;
    localStorage.setItem(key, accountId);
  } catch {
    // Storage is blocked, so there is no stored history either.
  }
  forgetAll();
}

function write(records: ConversationRecord[]): void {
  while (records.length > 0 && JSON.stringify(records).length > MAX_SIZE) records.pop();
  kept.value = records;
  try {
    if (records.length === 0) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(records));
  } catch {
    // Blocked or full: the history lives as long as the page.
  }
}

function read(): ConversationRecord[] {
  try {
    const records: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(records) ? records : [];
  } catch {
    return [];
  }
}
