/** Memory per open stream that trickles: gateway, node and nginx. */

import { chatBody, RELAYED_MODEL, type Streaming } from "../chat.ts";
import type { HttpSocket } from "../http_socket.ts";
import { residentKib, settledKib } from "../memory.ts";
import { metered } from "../meter.ts";
import { interleaved, over } from "../rounds.ts";
import { atMost, type Row } from "../row.ts";
import { type Bench, Stage } from "../stage.ts";
import { connectAll } from "../stream_load.ts";
import { requestBytes, type Target } from "../target.ts";
import type { StagedFigure } from "./figure.ts";

/** Slow ones, and longer than any measurement. */
const STREAMING: Streaming = { chunks: 10_000, paceMs: 500 };

export const openStreamsFigure: StagedFigure = {
  name: "open-streams",
  about: "memory of open streams",
  measure: ({ bench }) => measure(bench),
};

async function measure(bench: Bench): Promise<Row[]> {
  const [few, many] = bench.size.openStreams;
  const streams = async () => {
    const { result, foreignCores } = await metered({}, () => oneRound(bench));
    return { ...result, foreignCores };
  };
  // Memory does not mind who else runs.
  const measured = await interleaved({ streams }, {
    rounds: bench.size.freshRounds,
    maxForeignCores: Infinity,
    maxRepeats: 0,
    warmsUp: false,
  });
  return [{
    figure: `Memory per open stream, ${few} to ${many.toLocaleString("en")}, 2 chunks/s each`,
    unit: "KiB",
    nginx: over(measured, (r) => r.streams.nginx),
    gateway: over(measured, (r) => r.streams.gateway),
    node: over(measured, (r) => r.streams.node),
    goal: atMost(19, "KiB"),
    conditions: measured.conditions,
  }];
}

/** KiB a stream. Everything is restarted: a program that held many streams keeps their memory. */
async function oneRound(bench: Bench): Promise<{ nginx: number; gateway: number; node: number }> {
  const [few, many] = bench.size.openStreams;
  const stage = await Stage.set(bench);
  const pids = stage.watched;
  const open: HttpSocket[] = [];
  const look = async (target: Target, streams: number, pid: number) => {
    open.push(...await openStreams(target, streams));
    return await settledKib(pid, bench.size.settleMs);
  };
  const nginxBefore = await look(stage.targets.nginx, few, pids.nginx);
  const nginxAfter = await look(stage.targets.nginx, many - few, pids.nginx);
  open.splice(0).forEach((socket) => socket.close());

  const gatewayBefore = await look(stage.targets.gateway, few, pids.gateway);
  const nodeBefore = residentKib(pids.node);
  const gatewayAfter = await look(stage.targets.gateway, many - few, pids.gateway);
  const nodeAfter = residentKib(pids.node);
  open.splice(0).forEach((socket) => socket.close());
  await stage.strike();
  const perStream = (before: number, after: number) => (after - before) / (many - few);
  return {
    nginx: perStream(nginxBefore, nginxAfter),
    gateway: perStream(gatewayBefore, gatewayAfter),
    node: perStream(nodeBefore, nodeAfter),
  };
}

/** Resolves when each of them has brought its first chunk. */
async function openStreams(target: Target, count: number): Promise<HttpSocket[]> {
  const request = requestBytes(target, chatBody({ model: RELAYED_MODEL, streaming: STREAMING }));
  const sockets = await connectAll(target, count);
  await Promise.all(sockets.map((socket) => begun(socket, request)));
  return sockets;
}

function begun(socket: HttpSocket, request: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.send(request, {
    content(piece) {
      if (piece.includes("data: {")) resolve();
    },
    end: () => reject(new Error("a stream ended before it was to")),
    fail: reject,
  });
  return promise;
}
