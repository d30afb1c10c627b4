/**
 * Nodes with a simulated prefix cache each: until the first token they need the time to read what
 * they do not know. A program of its own, on wire v1; the process that started it sends it CachingNodesOrders.
 */

import { lastChunk, middleChunk } from "./chat.ts";
import { PrefixCache } from "./prefix_cache.ts";
import { ANSWER } from "./talk.ts";

/** Connect so many nodes, or tell what they have done since they were asked last. */
export type CachingNodesOrder =
  | { do: "connect"; wsUrl: string; token: string; model: string; nodes: NodeKind; count: number }
  | { do: "tell" };

/** How fast they are, and how much they remember. */
export interface NodeKind {
  maxParallel: number;
  cacheChars: number;
  /** Microseconds to read a character that is not in the cache. */
  readUsPerChar: number;
  /** From the first token to the last. */
  writeMs: number;
}

export interface CachingNodesReport {
  promptChars: number;
  cachedChars: number;
  /** Of each node. */
  calls: number[];
}

const done: CachingNodesReport = { promptChars: 0, cachedChars: 0, calls: [] };

async function obey(order: CachingNodesOrder): Promise<void> {
  if (order.do === "tell") return tell();
  for (let i = 0; i < order.count; i++) await dial(order, done.calls.push(0) - 1);
  process.send?.(done);
}

function tell(): void {
  process.send?.(done);
  done.promptChars = done.cachedChars = 0;
  done.calls.fill(0);
}

type ConnectOrder = Extract<CachingNodesOrder, { do: "connect" }>;

async function dial({ wsUrl, token, model, nodes }: ConnectOrder, number: number): Promise<void> {
  const cache = new PrefixCache(nodes.cacheChars);
  const socket = new WebSocket(wsUrl, { headers: { "Client-Token": token } });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.onopen = () => resolve();
  socket.onerror = (event) => reject(new Error((event as ErrorEvent).message));
  await promise;
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data)) as Frame;
    if (frame.type !== "CALL") return;
    done.calls[number]!++;
    void answer(socket, cache, nodes, frame.data);
  };
  const offer = { max_parallel: nodes.maxParallel, models: [model], node_id: crypto.randomUUID() };
  socket.send(JSON.stringify({ type: "REGISTER", data: offer }));
}

interface Frame {
  type: string;
  data: CallData;
}

interface CallData {
  request_id: string;
  payload: { messages: { content: string }[] };
}

async function answer(
  socket: WebSocket,
  cache: PrefixCache,
  { readUsPerChar, writeMs }: NodeKind,
  { request_id, payload }: CallData,
): Promise<void> {
  const messages = payload.messages.map(({ content }) => content);
  const chars = messages.reduce((sum, message) => sum + message.length, 0);
  // What it writes is in its cache, too.
  const cached = cache.read([...messages, ANSWER]);
  done.promptChars += chars;
  done.cachedChars += cached;
  const send = (type: string, more: object) =>
    socket.send(JSON.stringify({ type, data: { request_id, ...more } }));
  await Bun.sleep((chars - cached) * readUsPerChar / 1000);
  send("STREAM", { chunk: JSON.parse(middleChunk) });
  await Bun.sleep(writeMs);
  send("STREAM", { chunk: JSON.parse(lastChunk) });
  send("FINISH", {});
}

process.on("message", (order: CachingNodesOrder) => void obey(order));
process.on("disconnect", () => process.exit(0));
