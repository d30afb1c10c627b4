/** Those who answer in a run: the model server behind the real nodes, and the scripted nodes. Both do as planned. */

import type { Behaviour, UpstreamCall } from "../../../tests/harness/upstream.ts";
import type { ScriptedNode } from "../../../tests/harness/scripted_node.ts";
import type { ReceivedCall, Usage } from "../../../tests/harness/node_protocol.ts";
import type { AuditEvent } from "./plan.ts";

/** What was asked of all servers together for one call, and said by them. */
export interface Served {
  attempts: number;
  pieces: number;
}

const WORD = "né漢 ";

/** What a server tells, if it does. */
export function usageOf(deed: AuditEvent): Usage | undefined {
  if (deed.is !== "answer" || !deed.tellsUsage) return undefined;
  return { prompt_tokens: 3, completion_tokens: deed.pieces };
}

/** The deed, as a model server does it. */
export function behaviour(deed: AuditEvent, served: Served): Behaviour {
  return async (call) => {
    served.attempts++;
    if (deed.is === "refuse") return refusal(deed.status);
    if (call.body.stream === true) return streamed(deed, served, call);
    await Bun.sleep(deed.pieces * deed.everyMs);
    if (deed.is === "break") return refusal(502);
    if (deed.is === "stall") return await hangingUp(call);
    served.pieces += deed.pieces;
    return Response.json({
      ...chunkHead("chat.completion"),
      choices: [{
        index: 0,
        message: { role: "assistant", content: WORD.repeat(deed.pieces) },
        finish_reason: "stop",
      }],
      usage: usageOf(deed),
    });
  };
}

function streamed(
  deed: Exclude<AuditEvent, { is: "refuse" }>,
  served: Served,
  call: UpstreamCall,
): Response {
  const ending = deed.is === "answer" ? endingOf(deed) : [];
  let said = 0;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await Bun.sleep(deed.everyMs);
      if (call.signal.aborted) return;
      if (said < deed.pieces) {
        said++;
        served.pieces++;
        return controller.enqueue(event(chunk({ content: WORD })));
      }
      if (deed.is === "stall") await hangingUp(call);
      if (deed.is === "break") throw new Error("cut on purpose");
      for (const one of ending) controller.enqueue(event(one));
      controller.close();
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

function endingOf(deed: AuditEvent): unknown[] {
  const usage = usageOf(deed);
  return [
    chunk({}, "stop"),
    ...(usage ? [{ ...chunkHead("chat.completion.chunk"), choices: [], usage }] : []),
    "[DONE]",
  ];
}

function chunk(delta: { content?: string }, finish_reason: string | null = null) {
  return { ...chunkHead("chat.completion.chunk"), choices: [{ index: 0, delta, finish_reason }] };
}

function chunkHead(object: string) {
  return { id: "chatcmpl-1", object, created: 1_700_000_000, model: "m" };
}

function event(data: unknown): Uint8Array {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return new TextEncoder().encode(`data: ${text}\n\n`);
}

function refusal(status: number): Response {
  const error = { message: `no: ${status}`, type: "x", param: null, code: `upstream_${status}` };
  return Response.json({ error }, { status });
}

/** Never resolves; rejects when the other end has hung up. */
function hangingUp({ signal }: UpstreamCall): Promise<never> {
  return new Promise((_, reject) => {
    const hungUp = () => reject(new Error("The node hung up"));
    signal.addEventListener("abort", hungUp);
    if (signal.aborted) hungUp();
  });
}

/** The part of a run that a scripted node looks up for each call. */
export interface Part {
  deed: AuditEvent;
  served: Served;
  /** Whether it confirms a cancel; if not, it goes on as if nothing had happened. */
  confirms: boolean;
}

/** From now on the node does each call's deed. */
export function direct(node: ScriptedNode, partOf: (model: string) => Part | undefined): void {
  node.onCall = (call) => {
    const part = partOf(call.model);
    if (part) void play(node, call, part);
  };
  node.onCancel = (callId) => {
    const model = node.calls.find(({ id }) => id === callId)?.model ?? "";
    if (partOf(model)?.confirms) node.fail(callId, 499);
  };
}

async function play(node: ScriptedNode, call: ReceivedCall, part: Part): Promise<void> {
  const { deed, served, confirms } = part;
  served.attempts++;
  if (deed.is === "refuse") return node.fail(call.id, deed.status);
  const isOver = () => !node.isConnected || (confirms && node.cancelledIds.has(call.id));
  for (let said = 0; said < deed.pieces; said++) {
    await Bun.sleep(deed.everyMs);
    if (isOver()) return;
    if (call.stream) node.piece(call.id, WORD);
    if (call.stream) served.pieces++;
  }
  if (isOver() || deed.is === "stall") return;
  if (deed.is === "break") return node.fail(call.id, 502);
  if (call.stream) return node.finish(call.id, usageOf(deed));
  served.pieces += deed.pieces;
  node.whole(call.id, WORD.repeat(deed.pieces), usageOf(deed));
}
