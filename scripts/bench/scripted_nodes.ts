/**
 * Nodes that answer by themselves, as many as are asked for, on wire v1: to load the gateway alone,
 * and to be many. A program of its own; the process that started it sends it NodesOrders.
 */

import { completion, lastChunk, middleChunk, streamingOf } from "./chat.ts";
import { Pacer } from "./pacer.ts";

/** Connect so many more nodes. */
export interface NodesOrder {
  wsUrl: string;
  token: string;
  model: string;
  count: number;
}

/** What is sent back once they are connected and have registered, or when they could not. */
export interface NodesReport {
  connected: number;
  problem?: string;
}

/** Connections that are being made at a time. */
const DIALLED_AT_A_TIME = 50;
const MAX_PARALLEL = 4096;

const pacer = new Pacer();
let connected = 0;

async function obey(order: NodesOrder): Promise<NodesReport> {
  try {
    for (let left = order.count; left > 0; left -= DIALLED_AT_A_TIME) {
      const batch = Array.from({ length: Math.min(left, DIALLED_AT_A_TIME) }, () => dial(order));
      await Promise.all(batch);
      connected += batch.length;
    }
    return { connected };
  } catch (error) {
    return { connected, problem: String(error) };
  }
}

async function dial({ wsUrl, token, model }: NodesOrder): Promise<void> {
  const socket = new WebSocket(wsUrl, { headers: { "Client-Token": token } });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.onopen = () => resolve();
  socket.onerror = (event) => reject(new Error((event as ErrorEvent).message));
  await promise;
  socket.onmessage = ({ data }) => answer(socket, String(data));
  socket.onclose = ({ code, reason }) => {
    connected--;
    report({ connected, problem: `a node's connection closed: ${code} ${reason}` });
  };
  const node_id = crypto.randomUUID();
  const offer = { max_parallel: MAX_PARALLEL, models: [model], node_id };
  socket.send(JSON.stringify({ type: "REGISTER", data: offer }));
}

/** Reads of a frame only what it needs: this is to cost next to nothing. */
function answer(socket: WebSocket, text: string): void {
  if (!text.includes('"type":"CALL"')) return;
  const id = /"request_id":"([^"]+)"/.exec(text)?.[1];
  if (id === undefined) return;
  const stream = (chunk: string) =>
    socket.send(`{"type":"STREAM","data":{"request_id":"${id}","chunk":${chunk}}}`);
  const finish = () => socket.send(`{"type":"FINISH","data":{"request_id":"${id}"}}`);
  const streaming = streamingOf(text);
  if (streaming === null) {
    stream(completion);
    return finish();
  }
  let sent = 0;
  const beat = () => {
    if (socket.readyState !== WebSocket.OPEN) return false;
    const isLast = ++sent === streaming.chunks;
    stream(isLast ? lastChunk : middleChunk);
    if (isLast) finish();
    return !isLast;
  };
  if (beat()) pacer.add(streaming.paceMs, beat);
}

function report(message: NodesReport): void {
  process.send?.(message);
}

process.on("message", async (order: NodesOrder) => report(await obey(order)));
process.on("disconnect", () => process.exit(0));
