/** A scripted v1 node with an identity of its own, connected and listed by the gateway. */

import type { NodeView } from "../../api/mod.ts";
import type { Frame } from "../../protocol/frame.ts";
import type { Account } from "./account.ts";
import { ending, piece, whole } from "./chunks.ts";
import { listNodes } from "./node.ts";
import { connectRawNode, type RawNode } from "./raw_node.ts";
import { until } from "./wait.ts";

export interface JoinOptions {
  gateway: { url: string; wsUrl: string };
  owner: Account;
  models: string[];
  /** Default 1. */
  maxParallel?: number;
  /** Give one that was used before to come back as the same node; default: a new one. */
  nodeId?: string;
}

export interface JoinedNode {
  readonly raw: RawNode;
  readonly nodeId: string;
  /** What `GET /api/nodes` says of it; undefined: it is not connected. */
  view(): Promise<NodeView | undefined>;
  /** The next call's id. */
  called(): Promise<string>;
  /** One piece of a streamed answer. */
  say(callId: string, content: string): void;
  finish(callId: string): void;
  /** A whole answer of a call that does not stream. */
  answer(callId: string, content: string): void;
  fail(callId: string, code: number, message?: string): void;
}

export async function joinNode(options: JoinOptions): Promise<JoinedNode> {
  const { gateway, owner, models, maxParallel = 1, nodeId = crypto.randomUUID() } = options;
  const register = { max_parallel: maxParallel, models, node_id: nodeId, name: nodeId };
  const raw = await connectRawNode({ gateway, token: owner.clientToken, register });
  const view = async () => (await listNodes(gateway)).find(({ name }) => name === nodeId);
  await until(`the gateway lists ${nodeId}`, view);
  const finish = (callId: string) => raw.send({ type: "FINISH", data: { request_id: callId } });
  return {
    raw,
    nodeId,
    view,
    finish,
    called: async () => (await raw.next("CALL")).data.request_id,
    say: (callId, content) =>
      raw.send({ type: "STREAM", data: { request_id: callId, chunk: piece(content) } }),
    answer: (callId, content) => raw.answer(callId, [whole(content)]),
    fail: (callId, code, message = `no: ${code}`) =>
      raw.send({ type: "ERROR", data: { request_id: callId, code, message } }),
  };
}

/** From now on the node answers each call at once, streamed or not. */
export function answerEveryCall({ raw }: JoinedNode, content = "hello"): void {
  raw.socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data)) as Frame;
    if (frame.type !== "CALL") return;
    const { request_id, payload } = frame.data;
    const { stream } = payload as { stream?: boolean };
    raw.answer(request_id, stream === true ? [piece(content), ending()] : [whole(content)]);
  });
}

/** Resolves once the node is known under a penalty, with the reason that everybody may read. */
export async function penalized(node: JoinedNode): Promise<string> {
  const view = await until("the node is penalised", async () => {
    const view = await node.view();
    return view?.penalized === true && view;
  });
  return view.penalty_reason ?? "";
}

/** Resolves once none of the node's slots is held. */
export async function idle(node: JoinedNode, deadlineMs?: number): Promise<void> {
  await until(
    "the node's slots are free",
    async () => (await node.view())?.active_tasks === 0,
    deadlineMs,
  );
}
