/** The adapter for Anthropic's API: relays Messages calls unchanged, and bridges calls in other dialects. */

import { z } from "zod";
import { type Endpoint, endpointSpecs, everyEndpoint } from "../../protocol/mod.ts";
import { phrase } from "../../text/mod.ts";
import type { World } from "../world.ts";
import type { Adapter, AdapterCall, ListedModel } from "./adapter.ts";
import type { AnswerEvent } from "./bridge/answer_event.ts";
import { bridged, bridgedEndpoints } from "./bridge/bridge.ts";
import type { ModelRequest } from "./bridge/model_request.ts";
import { ClaudeProvider } from "./claude/claude_provider.ts";
import { CLAUDE_VERSION, ClaudeUpstream } from "./claude/claude_upstream.ts";
import { fetchImages } from "./claude/image_fetch.ts";
import { MessagesRelay } from "./claude/messages_relay.ts";
import { realWeb, type Web } from "./claude/web.ts";
import type { ProviderOptions } from "./provider_options.ts";
import { type AddressRule, baseUrlOf } from "./upstream/base_url.ts";
import { Upstream } from "./upstream/upstream.ts";

/** Proxies put the API below a path of their own, still followed by the version. */
export const claudeAddress: AddressRule = {
  base: "https://api.anthropic.com",
  lacksVersion: (path) => !path.endsWith("/v1"),
};

export class ClaudeAdapter implements Adapter {
  static readonly endpoints: readonly Endpoint[] = everyEndpoint.filter((path) =>
    isRelayed(path) || bridgedEndpoints.includes(path)
  );
  static readonly address = claudeAddress;
  static readonly options = {
    anthropic_version: z.string().regex(/^\d{4}-\d\d-\d\d$/, {
      error: phrase`must be a date such as "2023-06-01"`,
    }).optional(),
    fetch_images: z.boolean().optional(),
  };
  readonly endpoints = ClaudeAdapter.endpoints;
  readonly #upstream: ClaudeUpstream;
  readonly #relay: MessagesRelay;
  readonly #provider: ClaudeProvider;

  constructor(
    private readonly options: ProviderOptions,
    private readonly world: Pick<World, "fetch" | "todayMs" | "nowMs">,
    private readonly web: Web = realWeb,
  ) {
    const upstream = new Upstream({
      baseUrl: baseUrlOf(options, claudeAddress),
      apiKey: options.api_key,
      headers: {
        "anthropic-version": options.anthropic_version ?? CLAUDE_VERSION,
        ...(options.api_key ? { "x-api-key": options.api_key } : {}),
      },
      extraHeaders: options.headers,
      proxy: options.proxy,
    }, world);
    this.#upstream = new ClaudeUpstream(upstream, world);
    this.#relay = new MessagesRelay(this.#upstream, options.headers);
    this.#provider = new ClaudeProvider(this.#upstream, world);
  }

  models(signal: AbortSignal): Promise<ListedModel[]> {
    return this.#upstream.models(signal);
  }

  answer(call: AdapterCall): AsyncIterable<string> {
    if (isRelayed(call.endpoint)) return this.#relay.answer(call);
    return bridged(call, (request, call) => this.#ask(request, call), this.world.todayMs());
  }

  async *#ask(request: ModelRequest, call: AdapterCall): AsyncIterable<AnswerEvent> {
    if (this.options.fetch_images) await fetchImages(request, this.web, call.signal);
    yield* this.#provider.ask(request, call);
  }
}

function isRelayed(endpoint: Endpoint): boolean {
  return endpointSpecs[endpoint].api === "anthropic";
}
