/** What a node needs from outside: clock, randomness, HTTP, sockets, a log. Tests and simulations pass their own. */

import { type Log, silentLog } from "../log/log.ts";
import { dialFault, placeOf } from "./http/dial_fault.ts";
import type { HttpResponse } from "./http/http_response.ts";
import { proxyFor } from "./http/proxy_for.ts";
import { type HttpRequest, PullingFetch } from "./http/pulling_fetch.ts";

/** Cancels a timer; harmless twice and after it fired. */
export type CancelTimer = () => void;

/** The part of a WebSocket that a connection uses; the runtimes' own WebSocket implements it. */
export interface ClientSocket {
  readonly bufferedAmount: number;
  /** The subprotocol that the server agreed to, or the empty string. */
  readonly protocol: string;
  send(message: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  /** Hangs up without a close frame, where the runtime can. */
  terminate?(): void;
  /** Sends a WebSocket ping, where the runtime can. */
  ping?(): void;
  addEventListener(
    type: "open" | "message" | "error" | "close" | "ping" | "pong",
    listener: (event: unknown) => void,
  ): void;
}

/** Options that Bun's WebSocket takes. */
export interface SocketOptions {
  /** The proxy's URL. */
  proxy?: string;
  /** PEM texts. */
  tls?: { ca?: string[]; cert?: string; key?: string };
}

export { type Log, silentLog };

export interface World {
  /** Monotonic milliseconds: for durations and liveness. */
  nowMs(): number;
  /** The time of day, in UTC milliseconds. */
  todayMs(): number;
  /** At least 0, less than 1. */
  random(): number;
  fetch(url: string, request: HttpRequest): Promise<HttpResponse>;
  /** Binary messages arrive as ArrayBuffers. */
  connect(
    url: string,
    headers: Record<string, string>,
    protocols: string[],
    options?: SocketOptions,
  ): ClientSocket;
  /** The system's code for a dial that the runtime reports with another one; absent: what it reports is all there is. */
  dialFault?(reported: string, url: URL, elapsedMs: number): Promise<string>;
  /** Calls `run` in the next turn of the event loop. */
  soon(run: () => void): void;
  /** Calls `run` once after the delay. */
  after(delayMs: number, run: () => void): CancelTimer;
  log: Log;
}

/** Bun's sockets are read only when asked; elsewhere the runtime's own fetch is used. */
const pulling = "Bun" in globalThis ? new PullingFetch(process.env) : null;

/** The real world, without a log, on Bun and on Deno. */
export const realWorld: World = {
  nowMs: () => performance.now(),
  todayMs: () => Date.now(),
  random: () => Math.random(),
  fetch: (url, request) => pulling?.send(url, request) ?? fetch(url, request as RequestInit),
  connect: (url, headers, protocols, more = {}) => {
    // Both runtimes take headers here; the standard's type lacks them.
    const options = {
      headers,
      protocols,
      perMessageDeflate: false,
      ...more,
    } as unknown as string[];
    const socket = new WebSocket(url, options);
    socket.binaryType = "arraybuffer";
    return socket as unknown as ClientSocket;
  },
  dialFault: async (reported, url, elapsedMs) => {
    // The way to a proxy says nothing of the server.
    if (proxyFor(url, process.env) !== undefined) return reported;
    return await dialFault(reported, { ...placeOf(url), elapsedMs });
  },
  soon: (run) => void setImmediate(run),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  log: silentLog,
};

/** Resolves after the delay, or early when the signal aborts. Never rejects. */
export function pause(
  world: Pick<World, "after">,
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = world.after(delayMs, end);
    signal.addEventListener("abort", end);
  });
}
