/** Relays calls in Anthropic's own dialect: only the model's name is replaced. */

import { withMember } from "../../../protocol/mod.ts";
import { type AdapterCall, UpstreamFailure } from "../adapter.ts";
import { withAskedModel } from "../asked_model.ts";
import { pathBelowBase } from "../upstream/base_url.ts";
import { isEventText } from "../sse/event_stream.ts";
import { CONTEXT_OVERFLOW, promptTooLong } from "../upstream/context_overflow.ts";
import type { ReadError } from "../upstream/upstream_error.ts";
import { type ClaudeUpstream, parseEvent, type UpstreamRequest } from "./claude_upstream.ts";
import { gatherMessage } from "./message_gather.ts";
import { claudeError } from "./error.ts";
import { withoutUnsignedThinking } from "./unsigned_thinking.ts";
import { isObject } from "../json_object.ts";

/** `own`: the headers set by the provider's owner. */
export class MessagesRelay {
  readonly #own: Headers;

  constructor(private readonly upstream: ClaudeUpstream, own: Record<string, string> = {}) {
    this.#own = new Headers(own);
  }

  async *answer(call: AdapterCall): AsyncIterable<string> {
    const response = await this.upstream.post(this.#request(call), call);
    if (call.stream) {
      for await (const { type, json } of this.upstream.events(response, call.signal)) {
        yield type === "message_start" ? withAskedModel(json, JSON.parse(json), call) : json;
      }
    } else {
      const text = await this.upstream.readWhole(response, call.signal);
      const whole = isEventText(text) ? await this.#gathered(text, call) : jsonObject(text);
      yield withAskedModel(whole, JSON.parse(whole), call);
    }
  }

  /** The whole message in a stream's text, for providers that stream although none was requested. */
  async #gathered(text: string, call: AdapterCall): Promise<string> {
    const stream = new Response(text, { headers: { "content-type": "text/event-stream" } });
    const events = await Array.fromAsync(this.upstream.events(stream, call.signal));
    return gatherMessage(events.map(({ json }) => parseEvent(json)));
  }

  #request(call: AdapterCall): UpstreamRequest {
    const { bodyText, endpoint, model, stream } = call;
    const body = withMember(withoutUnsignedThinking(bodyText), "model", JSON.stringify(model));
    return { path: pathBelowBase(endpoint), body, stream, headers: this.#headers(call), readError };
  }

  /** The caller's version applies, because the body is the caller's; the owner's headers override it. */
  #headers({ headers }: AdapterCall): Record<string, string> {
    const version = this.#own.get("anthropic-version") ?? headers["anthropic-version"];
    const betas = [this.#own.get("anthropic-beta"), headers["anthropic-beta"]].filter(Boolean);
    return {
      ...(version ? { "anthropic-version": version } : {}),
      ...(betas.length > 0 ? { "anthropic-beta": betas.join(",") } : {}),
    };
  }
}

/**
 * Keeps the provider's own error body if the request is at fault. Model servers that have Anthropic's API
 * too report a prompt that is too long in words of their own, which its clients do not know.
 */
const readError: ReadError = (status, body, text) => {
  const { code, error } = claudeError(status, body);
  const isKnown = error.code !== CONTEXT_OVERFLOW || promptTooLong(error.message) === error.message;
  const isKept = code === status && isObject(body) && isKnown;
  return { code, error, ...(isKept ? { bodyText: text } : {}) };
};

function jsonObject(text: string): string {
  try {
    if (isObject(JSON.parse(text))) return text.trim();
  } catch { /* not JSON: the same failure */ }
  throw notAnswer();
}

function notAnswer(): UpstreamFailure {
  return new UpstreamFailure(
    502,
    "The provider sent something that is not one of Claude's answers",
  );
}
