/** Asks an OpenAI-compatible server for a neutral request, as a chat completion or at /v1/responses. */

import { LRUCache } from "lru-cache";
import { Endpoint, type ModelCapabilities } from "../../../protocol/mod.ts";
import { type AdapterCall, UpstreamFailure } from "../adapter.ts";
import type { AnswerEvent } from "../bridge/answer_event.ts";
import type { ModelRequest } from "../bridge/model_request.ts";
import { ChatAnswerReader } from "../chat/answer_reader.ts";
import { quirkIn } from "../chat/learned_quirk.ts";
import {
  type ConfiguredQuirks,
  type ProviderTraits,
  type Quirks,
  quirksOf,
} from "../chat/quirks.ts";
import { chatBody } from "../chat/request_writer.ts";
import { toJsonText } from "../raw_json.ts";
import type { ServerFacts } from "../servers/model_server.ts";
import { jsonTexts } from "../sse/json_texts.ts";
import type { OpenAiRelay } from "./openai_relay.ts";
import { responseAnswer } from "./responses_provider.ts";

const MAX_MODELS = 1_000;

/** How often a call is repeated with what its rejection taught. */
const MAX_REPEATS = 3;

export class OpenAiProvider {
  #traits: ProviderTraits;
  /** What the provider says of its models. */
  #ofModels: ReadonlyMap<string, Partial<Quirks>> = new Map();
  /** What rejections taught about models. */
  readonly #learned = new LRUCache<string, Partial<Quirks>>({ max: MAX_MODELS });

  /** `own`: the owner's corrections. */
  constructor(
    private readonly relay: OpenAiRelay,
    host: string,
    private readonly own: ConfiguredQuirks | undefined,
  ) {
    this.#traits = { host };
  }

  /** Takes over what the provider says of itself and of its models. Another server has other quirks to learn. */
  describe(
    { name, version, details }: ServerFacts,
    models: ReadonlyMap<string, ModelCapabilities>,
  ): void {
    const { host, server, version: before } = this.#traits;
    this.#traits = { host, server: name, version };
    if (server !== undefined && (server !== name || before !== version)) this.#learned.clear();
    this.#ofModels = new Map([...models].map(([id, { context_length, thinking }]) => [id, {
      ...(context_length === undefined ? {} : { contextLength: context_length }),
      ...(thinking === false ? { efforts: [] } : {}),
      ...(details.get(id)?.systemFirst ? { systemFirst: true } : {}),
    }]));
  }

  /** Asks for a chat completion. */
  askChat(request: ModelRequest, call: AdapterCall): AsyncIterable<AnswerEvent> {
    return this.#ask(call, (quirks) => this.#chatEvents(request, call, quirks));
  }

  /** Asks at /v1/responses. */
  askResponses(request: ModelRequest, call: AdapterCall): AsyncIterable<AnswerEvent> {
    return this.#ask(call, (quirks) => responseAnswer(this.relay, request, call, quirks));
  }

  /** A rejected field is left out or corrected, and remembered for the model. */
  async *#ask(
    call: AdapterCall,
    eventsOf: (quirks: Quirks) => AsyncIterable<AnswerEvent>,
  ): AsyncIterable<AnswerEvent> {
    let promptTokens: number | null = null;
    for (let repeats = 0;; repeats++) {
      const quirks: Quirks = { ...this.#quirksOf(call.model), promptTokens };
      let hasBegun = false;
      try {
        for await (const event of eventsOf(quirks)) {
          hasBegun = true;
          yield event;
        }
        return;
      } catch (failure) {
        const mayRepeat = !hasBegun && repeats < MAX_REPEATS;
        const learned = mayRepeat && failure instanceof UpstreamFailure
          ? quirkIn(failure, quirks)
          : null;
        if (learned === null) throw failure;
        // The next call has another prompt.
        const { promptTokens: counted = null, ...lasting } = learned;
        promptTokens = counted ?? promptTokens;
        this.#learn(call.model, lasting);
      }
    }
  }

  #quirksOf(model: string): Quirks {
    return {
      ...quirksOf(this.#traits, this.own, this.#ofModels.get(model)),
      ...this.#learned.get(model),
    };
  }

  async *#chatEvents(
    request: ModelRequest,
    call: AdapterCall,
    quirks: Quirks,
  ): AsyncIterable<AnswerEvent> {
    const bodyText = toJsonText(chatBody(request, call.model, quirks, call.stream));
    const reader = new ChatAnswerReader({
      stops: request.stops,
      customNames: new Set(request.tools.flatMap(({ name, isCustom }) => isCustom ? name : [])),
    });
    const pieces = await this.relay.open({
      ...call,
      endpoint: Endpoint.chat,
      headers: {},
      bodyText,
      hidesUsage: false,
    });
    for await (const piece of { [Symbol.asyncIterator]: () => pieces }) {
      for (const text of jsonTexts(piece)) {
        const json = JSON.parse(text);
        yield* call.stream ? reader.read(json) : reader.readWhole(json);
      }
    }
    if (call.stream) yield* reader.end();
    if (reader.saysReasoning && quirks.reasoningField === "reasoning_content") {
      this.#learn(call.model, { reasoningField: "reasoning" });
    }
  }

  #learn(model: string, learned: Partial<Quirks>): void {
    this.#learned.set(model, { ...this.#learned.get(model), ...learned });
  }
}
