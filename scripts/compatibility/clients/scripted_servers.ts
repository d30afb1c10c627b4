/** Model servers that play a script: one with chat completions only, one with responses only, and Anthropic's API. */

import { type ChatCompletionRequest, LLMock } from "@copilotkit/aimock";
import { type ServerKind, serverKinds } from "./server_kind.ts";

/** The path of each server's only endpoint. */
const paths: Record<ServerKind, string> = {
  chat: "/v1/chat/completions",
  responses: "/v1/responses",
  claude: "/v1/messages",
};

interface ToolCall {
  name: string;
  arguments: Record<string, unknown>;
}

/** What the model does in one conversation. */
export interface Script {
  /** Its last answer, and its answer to requests that do not offer the next tool. */
  text: string;
  /** The tools that it calls first, one in each turn. */
  calls?: readonly ToolCall[];
  /** Whether the answer goes on until the request is cancelled. */
  isEndless?: boolean;
}

/** One request that reached a server. */
export interface SeenRequest {
  kind: ServerKind;
  body: Record<string, unknown>;
  isStream: boolean;
  /** Whether the node cancelled it before the answer's end. */
  isCancelled: boolean;
  /** The status of the answer. */
  status: number | null;
}

/** The delay between two pieces of an endless answer. */
const PACE_MS = 100;
/** An endless answer's length: ten minutes at that pace. */
const ENDLESS_PIECES = 6000;
const PIECE = "on and on ";

export class ScriptedServers {
  /** Since the last `play`, oldest first. */
  readonly seen: SeenRequest[] = [];
  readonly #mock = new LLMock({ port: 0, logLevel: "silent" });
  readonly #servers = new Map<ServerKind, ReturnType<typeof Bun.serve>>();
  #script: Script = { text: "" };

  async start(): Promise<void> {
    const endless = PIECE.repeat(ENDLESS_PIECES);
    this.#mock
      .on({ predicate: () => this.#script.isEndless === true }, { content: endless }, {
        latency: PACE_MS,
        chunkSize: PIECE.length,
      })
      .on({ predicate: () => true }, (request) => turnOf(this.#script, request));
    await this.#mock.start();
    for (const kind of serverKinds) this.#servers.set(kind, this.#serve(kind));
  }

  async stop(): Promise<void> {
    for (const server of this.#servers.values()) await server.stop(true);
    await this.#mock.stop();
  }

  /** A node's `base_url` for the server. */
  baseUrl(kind: ServerKind): string {
    return `http://127.0.0.1:${this.#servers.get(kind)!.port}/v1`;
  }

  /** From now on every server plays `script`. */
  play(script: Script): void {
    this.#script = script;
    this.seen.length = 0;
  }

  #serve(kind: ServerKind): ReturnType<typeof Bun.serve> {
    return Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      development: false,
      fetch: async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname !== paths[kind]) return new Response("Not Found", { status: 404 });
        return await this.#answer(kind, request);
      },
    });
  }

  async #answer(kind: ServerKind, request: Request): Promise<Response> {
    const text = await request.text();
    const body = JSON.parse(text) as Record<string, unknown>;
    const isStream = body.stream === true;
    const seen: SeenRequest = { kind, body, isStream, isCancelled: false, status: null };
    this.seen.push(seen);
    const reason = rejection(kind, body);
    if (reason !== null) return Response.json(errorOf(kind, reason), { status: seen.status = 400 });
    request.signal.addEventListener("abort", () => void (seen.isCancelled = true));
    const { signal } = request;
    const answer = await fetch(`${this.#mock.url}${paths[kind]}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...keys },
      body: text,
      signal,
    });
    seen.status = answer.status;
    return answer;
  }
}

/** Keys in both dialects, of which the mock wants one. */
const keys = {
  authorization: "Bearer sk-scripted",
  "x-api-key": "sk-scripted",
  "anthropic-version": "2023-06-01",
};

/** The script's next turn: the next tool's call, where the request offers that tool, else the text. */
function turnOf({ text, calls = [] }: Script, request: ChatCompletionRequest) {
  const results = request.messages.filter(({ role }) => role === "tool").length;
  const call = calls[results];
  const isOffered = request.tools?.some((tool) => tool.function.name === call?.name) ?? false;
  if (call === undefined || !isOffered) return { content: text };
  return { toolCalls: [{ name: call.name, arguments: JSON.stringify(call.arguments) }] };
}

interface ChatMessage {
  role?: string;
  tool_calls?: { id?: string }[];
  tool_call_id?: string;
}

/** Why a strict server of that kind rejects the request; null: it does not. */
function rejection(kind: ServerKind, body: Record<string, unknown>): string | null {
  if (kind === "claude" && typeof body.max_tokens !== "number") return "max_tokens: Field required";
  if (kind !== "chat") return null;
  const messages = body.messages as ChatMessage[];
  // The templates of the Qwen family want this.
  if (messages.slice(1).some(({ role }) => role === "system")) {
    return "System message must be at the beginning.";
  }
  const called = new Set(messages.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id)));
  const orphan = messages.find(({ role, tool_call_id }) =>
    role === "tool" && !called.has(tool_call_id)
  );
  return orphan === undefined ? null : `No tool call has the id ${orphan.tool_call_id}`;
}

function errorOf(kind: ServerKind, message: string): unknown {
  const error = { message, type: "invalid_request_error" };
  return kind === "claude" ? { type: "error", error } : { error: { ...error, code: null } };
}
