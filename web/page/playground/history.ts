/** Earlier conversations, stored in this browser only: the gateway stores no prompt and no answer. */

import { type ReadonlySignal, signal } from "@preact/signals";
import type { Conversation, ConversationRecord } from "./conversation.ts";

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
