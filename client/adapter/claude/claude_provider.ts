/** Asks a provider that speaks Anthropic's API for a neutral request. */

import type { AdapterCall } from "../adapter.ts";
import type { AnswerEvent } from "../bridge/answer_event.ts";
import type { ModelRequest } from "../bridge/model_request.ts";
import { toJsonText } from "../raw_json.ts";
import { ClaudeAnswerReader } from "./answer_reader.ts";
import { type ClaudeUpstream, parseEvent } from "./claude_upstream.ts";
import { ModelList } from "./model_list.ts";
import { claudeRequest } from "./request.ts";
import { ThinkingMemory } from "./thinking_memory.ts";
import type { World } from "../../world.ts";

export class ClaudeProvider {
  readonly #models: ModelList;
  readonly #memory = new ThinkingMemory();

  constructor(private readonly upstream: ClaudeUpstream, world: Pick<World, "nowMs">) {
    this.#models = new ModelList((model, signal) => upstream.describe(model, signal), world);
  }

  /** Always streams from the upstream: a long answer that is not streamed times out on the way. */
  async *ask(request: ModelRequest, call: AdapterCall): AsyncIterable<AnswerEvent> {
    const { model, signal } = call;
    const facts = await this.#models.factsOf(model, signal);
    const { body, jsonTool } = claudeRequest(request, model, facts, this.#memory);
    const reader = new ClaudeAnswerReader({
      localModel: model,
      jsonTool,
      customNames: new Set(request.tools.flatMap(({ name, isCustom }) => isCustom ? name : [])),
      remember: (toolUseId, thinking) => this.#memory.keep(model, toolUseId, thinking),
    });
    const sent = { path: "messages", body: toJsonText(body), stream: true };
    const response = await this.upstream.post(sent, call);
    for await (const { json } of this.upstream.events(response, signal)) {
      yield* reader.read(parseEvent(json));
    }
  }
}
