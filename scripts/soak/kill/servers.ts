/** The servers of a run: the model server behind the real nodes, and the scripted nodes. Both follow the plan. */

import type { Behaviour, UpstreamCall } from "../../../tests/harness/upstream.ts";
import type { ScriptedNode } from "../../../tests/harness/scripted_node.ts";
import type { ReceivedCall, Usage } from "../../../tests/harness/node_protocol.ts";
import type { ScriptedAnswer } from "./plan.ts";

/** Attempts of one call at all servers together, and pieces that they sent for it. */
export interface Served {
  attempts: number;
  pieces: number;
}

const WORD = "né漢 ";

/** The usage that a server reports; undefined: it reports none. */
export function usageOf(script: ScriptedAnswer): Usage | undefined {
  if (script.is !== "answer" || !script.tellsUsage) return undefined;
  return { prompt_tokens: 3, completion_tokens: script.pieces };
}

/** The scripted answer, as a model server gives it. */
export function behaviour(script: ScriptedAnswer, served: Served): Behaviour {
  return async (call) => {
    served.attempts++;
    if (script.is === "refuse") return refusal(script.status);
    if (call.body.stream === true) return streamed(script, served, call);
    await Bun.sleep(script.pieces * script.everyMs);
    if (script.is === "break") return refusal(502);
    if (script.is === "stall") return await hangingUp(call);
    served.pieces += script.pieces;
    return Response.json({
      ...chunkHead("chat.completion"),
      choices: [{
        index: 0,
        message: { role: "assistant", content: WORD.repeat(script.pieces) },
        finish_reason: "stop",
      }],
      usage: usageOf(script),
    });
  };
}

function streamed(
  script: Exclude<ScriptedAnswer, { is: "refuse" }>,
  served: Served,
  call: UpstreamCall,
): Response {
  const ending = script.is === "answer" ? endingOf(script) : [];
  let said = 0;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await Bun.sleep(script.everyMs);
      if (call.signal.aborted) return;
      if (said < script.pieces) {
        said++;
        served.pieces++;
        return controller.enqueue(event(chunk({ content: WORD })));
      }
      if (script.is === "stall") await hangingUp(call);
      if (script.is === "break") throw new Error("cut on purpose");
      for (const one of ending) controller.enqueue(event(one));
      controller.close();
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

function endingOf(script: ScriptedAnswer): unknown[] {
  const usage = usageOf(script);
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
  script: ScriptedAnswer;
  served: Served;
  /** Whether the node confirms a cancel; if not, it continues its answer. */
  confirms: boolean;
}

/** From now on the node answers each call by its script. */
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
  const { script, served, confirms } = part;
  served.attempts++;
  if (script.is === "refuse") return node.fail(call.id, script.status);
  const isOver = () => !node.isConnected || (confirms && node.cancelledIds.has(call.id));
  for (let said = 0; said < script.pieces; said++) {
    await Bun.sleep(script.everyMs);
    if (isOver()) return;
    if (call.stream) node.piece(call.id, WORD);
    if (call.stream) served.pieces++;
  }
  if (isOver() || script.is === "stall") return;
  if (script.is === "break") return node.fail(call.id, 502);
  if (call.stream) return node.finish(call.id, usageOf(script));
  served.pieces += script.pieces;
  node.whole(call.id, WORD.repeat(script.pieces), usageOf(script));
}
