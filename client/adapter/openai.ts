/** The adapter for OpenAI-compatible servers: relays calls in dialects that the server speaks, and bridges the others. */

import {
  Endpoint,
  endpointSpecs,
  everyEndpoint,
  type ModelCapabilities,
  TOKEN_COUNT_HEADER,
} from "../../protocol/mod.ts";
import type { World } from "../world.ts";
import {
  type Adapter,
  type AdapterCall,
  type ListedModel,
  type Piece,
  UpstreamFailure,
} from "./adapter.ts";
import type { AnswerEvent } from "./bridge/answer_event.ts";
import { bridged, bridgedEndpoints } from "./bridge/bridge.ts";
import type { ModelRequest } from "./bridge/model_request.ts";
import { isKnownHost, quirksShape } from "./chat/quirks.ts";
import { ClaudeProvider } from "./claude/claude_provider.ts";
import { ClaudeUpstream } from "./claude/claude_upstream.ts";
import { MessagesRelay } from "./claude/messages_relay.ts";
import { readCountRequest } from "./messages/request_reader.ts";
import { OpenAiProvider } from "./openai/openai_provider.ts";
import { OpenAiRelay } from "./openai/openai_relay.ts";
import { TokenCounter } from "./openai/token_counter.ts";
import type { ProviderOptions } from "./provider_options.ts";
import { ModelServer } from "./servers/model_server.ts";
import { NativeApi } from "./servers/native_api.ts";
import { purposesByName } from "./servers/purpose_by_name.ts";
import type { ModelDetails, Purpose } from "./servers/server_kind.ts";
import { LazyIterator } from "./sse/lazy_iterator.ts";
import { type AddressRule, baseUrlOf } from "./upstream/base_url.ts";
import { endpointOfType, listEntries, modelsIn } from "./upstream/model_listing.ts";
import { Upstream } from "./upstream/upstream.ts";

/** Many servers have another base path (`/openai`, `/api/v1beta`), so only a bare host surely lacks the version. */
export const openAiAddress: AddressRule = {
  base: "https://api.openai.com/v1",
  lacksVersion: (path) => path === "",
};

/** The endpoints that can serve a bridged one, the best first. Few servers have /v1/messages. */
const routes: Readonly<Partial<Record<Endpoint, readonly Endpoint[]>>> = Object.freeze({
  [Endpoint.chat]: [Endpoint.chat, Endpoint.responses, Endpoint.messages],
  [Endpoint.responses]: [Endpoint.responses, Endpoint.chat, Endpoint.messages],
  [Endpoint.messages]: [Endpoint.chat, Endpoint.responses, Endpoint.messages],
});

export class OpenAiAdapter implements Adapter {
  static readonly endpoints: readonly Endpoint[] = everyEndpoint.filter((path) =>
    endpointSpecs[path].api === "openai" || bridgedEndpoints.includes(path) ||
    path === Endpoint.count_tokens
  );
  static readonly address = openAiAddress;
  static readonly options = { quirks: quirksShape.optional() };
  readonly endpoints = OpenAiAdapter.endpoints;
  readonly usualEndpoints = this.endpoints.filter((path) => !endpointSpecs[path].isOptIn);
  readonly #upstream: Upstream;
  readonly #relay: OpenAiRelay;
  readonly #messages: MessagesRelay;
  readonly #provider: OpenAiProvider;
  readonly #claude: ClaudeProvider;
  readonly #tokens: TokenCounter;
  readonly #server: ModelServer;
  /** The endpoints of models whose list entry names them. */
  readonly #listed = new Map<string, readonly string[]>();
  /** Endpoints that the server turned out not to have. */
  readonly #missing = new Set<Endpoint>();

  constructor(
    options: ProviderOptions,
    private readonly world: Pick<World, "fetch" | "todayMs" | "nowMs">,
  ) {
    const baseUrl = baseUrlOf(options, openAiAddress);
    this.#upstream = new Upstream({
      baseUrl,
      apiKey: options.api_key,
      headers: options.api_key ? { authorization: `Bearer ${options.api_key}` } : {},
      extraHeaders: options.headers,
      proxy: options.proxy,
    }, world);
    this.#relay = new OpenAiRelay(this.#upstream, world);
    const claude = new ClaudeUpstream(this.#upstream, world);
    this.#messages = new MessagesRelay(claude, options.headers);
    this.#claude = new ClaudeProvider(claude, world);
    const api = new NativeApi(this.#upstream);
    this.#tokens = new TokenCounter(api);
    this.#server = new ModelServer(api, isKnownHost(baseUrl.hostname), world);
    this.#provider = new OpenAiProvider(this.#relay, baseUrl.hostname, options.quirks);
  }

  async models(signal: AbortSignal): Promise<ListedModel[]> {
    const { text, server } = await this.#upstream.read("models", signal);
    const entries = listEntries(text);
    const listed = modelsIn(entries);
    this.#listed.clear();
    // An upgraded server may have more.
    this.#missing.clear();
    this.#tokens.forget();
    for (const { id, capabilities: { endpoints } } of listed) {
      if (endpoints !== undefined) this.#listed.set(id, endpoints);
    }
    const facts = await this.#server.facts({ header: server, entries }, signal);
    const models = listed.map(({ id, capabilities }) => ({
      id,
      capabilities: this.#known(id, capabilities, facts.details.get(id)),
    }));
    this.#provider.describe(
      facts,
      new Map(models.map(({ id, capabilities }) => [id, capabilities])),
    );
    return models;
  }

  /** What list and server say of a model; the server's own API knows better. */
  #known(id: string, listed: ModelCapabilities, details: ModelDetails = {}): ModelCapabilities {
    const { purposes = listed.endpoints ? undefined : purposesByName(id), ...facts } = details;
    const { systemFirst: _, ...capabilities } = { ...listed, ...facts };
    const endpoints = purposes ? this.#endpointsFor(purposes) : listed.endpoints;
    return withBridged({ ...capabilities, ...(endpoints ? { endpoints: [...endpoints] } : {}) });
  }

  #endpointsFor(purposes: readonly Purpose[]): readonly Endpoint[] {
    const ofChat = (path: Endpoint) =>
      this.usualEndpoints.includes(path) && path !== Endpoint.embeddings;
    return this.endpoints.filter((path) =>
      purposes.some((purpose) =>
        purpose === "chat" ? ofChat(path) : path === endpointOfType(purpose)
      )
    );
  }

  answer(call: AdapterCall): AsyncIterable<Piece> {
    if (call.endpoint === Endpoint.count_tokens) return this.#count(call);
    const [first = call.endpoint, ...others] = this.#routesOf(call);
    if (first !== call.endpoint) return this.#bridged(call, [first, ...others]);
    if (first === Endpoint.messages) return this.#messages.answer(call);
    return new LazyIterator(() => this.#open(call, others));
  }

  async *#count(call: AdapterCall): AsyncIterable<string> {
    const request = readCountRequest(call.bodyText);
    const { tokens, isEstimate } = await this.#tokens.count(request, call.model, call.signal);
    if (isEstimate) call.onHead?.({ [TOKEN_COUNT_HEADER]: "estimate" });
    yield JSON.stringify({ input_tokens: tokens });
  }

  /** Relays the call; if the server has no such endpoint, bridges it through another one. */
  async #open(call: AdapterCall, others: readonly Endpoint[]): Promise<AsyncIterator<Piece>> {
    try {
      return await this.#relay.open(call);
    } catch (failure) {
      if (others.length === 0 || !lacksEndpoint(failure)) throw failure;
      const lack = { failure, missing: [call.endpoint] };
      return this.#bridged(call, others, lack)[Symbol.asyncIterator]();
    }
  }

  #bridged(
    call: AdapterCall,
    targets: readonly Endpoint[],
    lack: Lack | null = null,
  ): AsyncIterable<string> {
    const ask = (request: ModelRequest, call: AdapterCall) =>
      this.#ask(request, call, targets, lack);
    return bridged(call, ask, this.world.todayMs());
  }

  /** Asks at the first of the endpoints that the server has. If it has none, the first failure counts. */
  async *#ask(
    request: ModelRequest,
    call: AdapterCall,
    [target, ...others]: readonly Endpoint[],
    lack: Lack | null,
  ): AsyncIterable<AnswerEvent> {
    let hasBegun = false;
    try {
      for await (const event of this.#askAt(target!, request, call)) {
        if (!hasBegun) lack?.missing.forEach((endpoint) => this.#missing.add(endpoint));
        hasBegun = true;
        yield event;
      }
    } catch (failure) {
      if (hasBegun || !lacksEndpoint(failure)) throw failure;
      const first = lack?.failure ?? failure;
      if (others.length === 0) throw first;
      const missing = [...lack?.missing ?? [], target!];
      yield* this.#ask(request, call, others, { failure: first, missing });
    }
  }

  #askAt(
    target: Endpoint,
    request: ModelRequest,
    call: AdapterCall,
  ): AsyncIterable<AnswerEvent> {
    switch (target) {
      case Endpoint.messages:
        return this.#claude.ask(request, call);
      case Endpoint.responses:
        return this.#provider.askResponses(request, call);
      default:
        return this.#provider.askChat(request, call);
    }
  }

  /** The endpoints to try, the best first; the model's own list decides if it has one. */
  #routesOf({ endpoint, model }: AdapterCall): readonly Endpoint[] {
    const all = routes[endpoint];
    if (all === undefined) return [];
    const listed = this.#listed.get(model);
    if (listed?.some((path) => all.includes(path as Endpoint))) {
      return [endpoint, ...all].filter((path, i, paths) =>
        listed.includes(path) && paths.indexOf(path) === i
      );
    }
    const present = all.filter((path) => !this.#missing.has(path));
    return present.length > 0 ? present : all;
  }
}

const ofEveryChat: readonly Endpoint[] = [...bridgedEndpoints, Endpoint.count_tokens];

/** A model that one of the bridged endpoints serves is served by all of them. */
function withBridged(capabilities: ModelCapabilities): ModelCapabilities {
  const { endpoints } = capabilities;
  const isBridged = endpoints?.some((path) => bridgedEndpoints.includes(path as Endpoint));
  return isBridged
    ? { ...capabilities, endpoints: [...new Set([...endpoints!, ...ofEveryChat])] }
    : capabilities;
}

/** Endpoints that a call did not find, and how the first of them failed. */
interface Lack {
  failure: unknown;
  missing: Endpoint[];
}

/** Whether the server has no such path, as opposed to no such model. */
function lacksEndpoint(failure: unknown): boolean {
  if (!(failure instanceof UpstreamFailure)) return false;
  const { code, error, message } = failure;
  // LM Studio reports unknown paths with status 200.
  if (code === 405 || code === 501 || /unexpected endpoint/i.test(message)) return true;
  return code === 404 && error?.code !== "model_not_found" && !/model/i.test(message) &&
    /not found|HTTP 404|cannot post|invalid url|no such|unknown (?:path|url|route)/i.test(message);
}
