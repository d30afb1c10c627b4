/** A scripted OpenAI-compatible model server: each model behaves as the test says, each call is written down. */

import { endAfterTests } from "./cleanup.ts";

/** One request that reached the upstream. */
export interface UpstreamCall {
  path: string;
  headers: Headers;
  /** As it came, byte for byte. */
  text: string;
  body: ChatBody;
  /** Aborts when the node hangs up. */
  signal: AbortSignal;
}

interface ChatBody {
  model: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  messages: { role: string; content: unknown }[];
  [field: string]: unknown;
}

export type Behaviour = (call: UpstreamCall) => Response | Promise<Response>;

export interface Upstream {
  /** What a node's `base_url` is: `http://127.0.0.1:PORT/v1` */
  readonly url: string;
  /** Every call, oldest first. */
  readonly calls: readonly UpstreamCall[];
  /** Calls that wait for an answer or stream one. */
  readonly active: number;
  /** The most calls that were ever active at a time. */
  readonly mostActive: number;
  /** Changes how a model behaves from the next call on. */
  behave(model: string, behaviour: Behaviour): void;
  stop(): void;
}

/** Starts one; models without a behaviour of their own echo. */
export function startUpstream(behaviours: Record<string, Behaviour> = {}): Upstream {
  const byModel = new Map(Object.entries(behaviours));
  const calls: UpstreamCall[] = [];
  const load = { active: 0, most: 0 };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    // A cut stream is meant to be one: not to be printed.
    development: false,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (request.method === "GET") return modelList([...byModel.keys()]);
      const text = await request.text();
      const body = JSON.parse(text) as ChatBody;
      const { headers, signal } = request;
      const call = { path: pathname, headers, text, body, signal };
      calls.push(call);
      load.most = Math.max(load.most, ++load.active);
      const behaviour = byModel.get(body.model) ?? echo();
      let isActive = true;
      const leave = () => {
        if (isActive) load.active--;
        isActive = false;
      };
      try {
        return counted(await behaviour(call), leave);
      } catch {
        // The node hung up: nothing reads this.
        leave();
        return new Response(null, { status: 500 });
      }
    },
  });
  const stop = () => void server.stop(true);
  endAfterTests(stop);
  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    calls,
    get active() {
      return load.active;
    },
    get mostActive() {
      return load.most;
    },
    behave: (model, behaviour) => void byModel.set(model, behaviour),
    stop,
  };
}

export interface EchoOptions {
  /** Into so many pieces a streamed answer is cut. Default: one a word. */
  chunks?: number;
  /** Waited before each chunk. */
  delayMs?: number;
}

/** Says the last message again, with usage: one token a word. */
export function echo(options: EchoOptions = {}): Behaviour {
  return (call) => {
    const said = lastWords(call.body);
    const pieces = options.chunks === undefined
      ? said.match(/\S+\s*/g) ?? [""]
      : Array.from({ length: options.chunks }, (_, i) => `${said}${i} `);
    return answer(call, pieces, options.delayMs);
  };
}

/** Answers with exactly this text, in one chunk. */
export function say(text: string): Behaviour {
  return (call) => answer(call, [text]);
}

/** Answers with these texts, each a chunk of a stream and a token of its usage. */
export function pieces(texts: readonly string[], delayMs = 0): Behaviour {
  return (call) => answer(call, texts, delayMs);
}

/** Answers with a status and OpenAI's error shape. */
export function refuse(
  status: number,
  message = `upstream says ${status}`,
  headers: Record<string, string> = {},
): Behaviour {
  const error = { message, type: "upstream_error", param: null, code: `upstream_${status}` };
  return () => Response.json({ error }, { status, headers });
}

/** Takes the call and never answers; ends when the node hangs up. */
export function hang(): Behaviour {
  return ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** Streams so many chunks, then nothing more, and stays connected. */
export function stall(afterChunks: number): Behaviour {
  return (call) => eventStream(call, chunksOf(call, afterChunks), () => new Promise(() => {}));
}

/** Streams so many chunks, then cuts the connection without `[DONE]`. */
export function cut(afterChunks: number): Behaviour {
  return (call) =>
    eventStream(call, chunksOf(call, afterChunks), async () => {
      // The chunks leave in a turn of the event loop of their own, then the cut comes.
      await Bun.sleep(20);
      throw new Error("cut on purpose");
    });
}

/** Sends exactly this text as an event stream, whole or in pieces of so many bytes. */
export function recite(text: string, pieceBytes = Infinity): Behaviour {
  return () => {
    const bytes = new TextEncoder().encode(text);
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (at >= bytes.length) return controller.close();
        const end = Math.min(bytes.length, at + pieceBytes);
        controller.enqueue(bytes.slice(at, end));
        at = end;
        // A turn of the event loop each, so that they are not gathered on the way.
        if (pieceBytes < Infinity) await Bun.sleep(0);
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  };
}

/** Waits for `gate` before it does what `behaviour` does: a test opens it when it has seen enough. */
export function after(gate: Promise<void>, behaviour: Behaviour = echo()): Behaviour {
  return async (call) => {
    await gate;
    return await behaviour(call);
  };
}

function answer(call: UpstreamCall, pieces: readonly string[], delayMs = 0): Response {
  const { body } = call;
  const usage = {
    prompt_tokens: wordCount(body.messages.map((one) => String(one.content)).join(" ")),
    completion_tokens: pieces.length,
    total_tokens: 0,
  };
  usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  if (body.stream !== true) return Response.json(completion(body.model, pieces.join(""), usage));
  const events = [
    ...pieces.map((content) => chunk(body.model, { content })),
    { ...chunk(body.model, {}), choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    ...(body.stream_options?.include_usage
      ? [{ ...chunk(body.model, {}), choices: [], usage }]
      : []),
    "[DONE]",
  ];
  return eventStream(call, events, undefined, delayMs);
}

function eventStream(
  { signal }: UpstreamCall,
  events: readonly unknown[],
  ending?: () => void | Promise<void>,
  delayMs = 0,
): Response {
  const encoder = new TextEncoder();
  let next = 0;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (next === events.length) {
        await ending?.();
        controller.close();
        return;
      }
      if (delayMs > 0) await Bun.sleep(delayMs);
      if (signal.aborted) return;
      const event = events[next++];
      const data = typeof event === "string" ? event : JSON.stringify(event);
      controller.enqueue(encoder.encode(`data: ${data}\n\n`));
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

function chunksOf({ body }: UpstreamCall, count: number): unknown[] {
  return Array.from({ length: count }, (_, i) => chunk(body.model, { content: `piece ${i} ` }));
}

const CREATED = 1_700_000_000;

function chunk(model: string, delta: { content?: string }) {
  return {
    id: "chatcmpl-upstream",
    object: "chat.completion.chunk",
    created: CREATED,
    model,
    choices: [{ index: 0, delta, finish_reason: null as string | null }],
  };
}

function completion(model: string, content: string, usage: object) {
  return {
    id: "chatcmpl-upstream",
    object: "chat.completion",
    created: CREATED,
    model,
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage,
  };
}

function modelList(models: readonly string[]): Response {
  return Response.json({ object: "list", data: models.map((id) => ({ id, object: "model" })) });
}

function lastWords(body: ChatBody): string {
  return String(body.messages.at(-1)?.content ?? "");
}

function wordCount(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}

/** The same answer; `done` is called once its body has ended, however it did. */
function counted(response: Response, done: () => void): Response {
  const reader = response.body?.getReader();
  if (reader === undefined) {
    done();
    return response;
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done: isDone, value } = await reader.read();
        if (value !== undefined) controller.enqueue(value);
        if (!isDone) return;
        done();
        controller.close();
      } catch (error) {
        done();
        controller.error(error);
      }
    },
    async cancel(reason) {
      done();
      await reader.cancel(reason);
    },
  });
  return new Response(body, response);
}
