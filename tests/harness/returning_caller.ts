/** Callers who come back after each loss of their connection, until they have all of an answer. */

import OpenAI from "openai";
import { createParser } from "eventsource-parser";

interface Question {
  token: string;
  model: string;
  content: string;
  key: string;
}

/** How a caller comes back. Each connection may go by another address. */
export type Return = (question: Question, address: () => string) => Promise<string>;

/** A call that goes on and on has found a fault. */
const MAX_TRIES = 200;

export const returns: Readonly<Record<"last event" | "from the start" | "sdk", Return>> = {
  /** Over a raw request, behind the last whole event. */
  async "last event"(question, address) {
    const read = { text: "", last: "", isDone: false };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      await readOnce(question, address(), read);
      if (read.isDone) return read.text;
    }
    throw new Error("the answer never ends");
  },
  /** Over a raw request, without Last-Event-ID. */
  async "from the start"(question, address) {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const read = { text: "", last: "", isDone: false };
      await readOnce(question, address(), read);
      if (read.isDone) return read.text;
    }
    throw new Error("the answer never ends");
  },
  /** By OpenAI's SDK, which tries again by itself until its stream has begun. */
  async sdk({ token, model, content, key }, address) {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const client = new OpenAI({ baseURL: `${address()}/v1`, apiKey: token, maxRetries: 3 });
      try {
        const stream = await client.chat.completions.create({
          model,
          stream: true,
          messages: [{ role: "user", content }],
        }, { headers: { "idempotency-key": key } });
        let text = "";
        let isDone = false;
        for await (const { choices } of stream) {
          text += choices[0]?.delta.content ?? "";
          isDone ||= Boolean(choices[0]?.finish_reason);
        }
        if (isDone) return text;
      } catch (error) {
        if (!(error instanceof OpenAI.APIConnectionError) && !isLoss(error)) throw error;
        if (isAway(String(error))) await Bun.sleep(AWAY_MS);
      }
    }
    throw new Error("the answer never ends");
  },
};

/** A connection that is cut in mid-answer throws whatever fetch throws. */
function isLoss(error: unknown): boolean {
  return !(error instanceof OpenAI.APIError) || isAway(String(error));
}

/** The call's gateway is leaving or lost: in a moment it is known what became of the answer. */
function isAway(error: string): boolean {
  return /shutting_down|gateway_lost|does not answer; try again/.test(error);
}

const AWAY_MS = 200;

async function readOnce(
  { token, model, content, key }: Question,
  address: string,
  read: { text: string; last: string; isDone: boolean },
): Promise<void> {
  const parser = createParser({
    onEvent: ({ id, data }) => {
      read.last = id ?? read.last;
      if (data === "[DONE]") return void (read.isDone = true);
      const { choices, error } = JSON.parse(data);
      if (error) throw new Error(data);
      read.text += choices[0]?.delta.content ?? "";
    },
  });
  const response = await fetch(`${address}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "idempotency-key": key,
      ...(read.last === "" ? {} : { "last-event-id": read.last }),
    },
    body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content }] }),
  }).catch(() => null);
  if (response === null) return;
  if (!response.ok) {
    const text = await response.text().catch(() => null);
    if (text === null || text === "") return;
    if (isAway(text)) return Bun.sleep(AWAY_MS);
    throw new Error(`${response.status} ${text}`);
  }
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body!) parser.feed(decoder.decode(bytes, { stream: true }));
  } catch (error) {
    const { message } = error as Error;
    if (isAway(message)) return Bun.sleep(AWAY_MS);
    if (message.startsWith("{")) throw error;
  }
}
