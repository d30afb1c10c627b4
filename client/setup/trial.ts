/** One test call to a model, made as the node makes its calls. */

import { Endpoint } from "../../protocol/mod.ts";
import { UpstreamFailure } from "../adapter/adapter.ts";
import { providerTypes } from "../adapter/provider_types.ts";
import { usageMeter } from "../adapter/usage_meter.ts";
import type { ProviderConfig } from "../config/config.ts";
import { realWorld } from "../world.ts";
import { shown, t } from "../texts.ts";

export interface Trial {
  /** Null: the model answered. */
  failure: string | null;
  /** From the request to the end of the answer. */
  seconds: number;
  /** After the first token; null: an embedding model, or too few tokens to tell. */
  tokensPerSecond: number | null;
}

const MAX_TOKENS = 64;

const bodies = {
  chat: {
    endpoint: Endpoint.chat,
    stream: true,
    body: {
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: MAX_TOKENS,
      messages: [{ role: "user", content: "Count from one to twenty in words." }],
    },
  },
  embedding: { endpoint: Endpoint.embeddings, stream: false, body: { input: "hello" } },
} as const;

/** Never throws. The signal ends it with a failure. */
export async function tryModel(
  provider: Omit<ProviderConfig, "models">,
  model: { id: string; kind: keyof typeof bodies },
  signal: AbortSignal,
): Promise<Trial> {
  const { endpoint, stream, body } = bodies[model.kind];
  const adapter = new providerTypes[provider.type](provider, realWorld);
  const usage = usageMeter(endpoint);
  const startedMs = performance.now();
  let firstMs: number | null = null;
  let failure: string | null = null;
  try {
    const pieces = adapter.answer({
      id: "test",
      endpoint,
      headers: {},
      model: model.id,
      askedModel: model.id,
      bodyText: JSON.stringify({ model: model.id, ...body }),
      stream,
      hidesUsage: false,
      signal,
    });
    for await (const piece of pieces) {
      usage.count(piece);
      if (usage.tokenEvents > 0) firstMs ??= performance.now();
    }
  } catch (error) {
    failure = signal.aborted
      ? t`no whole answer in time`
      : error instanceof UpstreamFailure
      ? shown(error.message)
      : t`its answer cannot be read`;
  }
  const endMs = performance.now();
  const tokens = usage.completionTokens ?? usage.tokenEvents;
  const streamingMs = firstMs === null ? 0 : endMs - firstMs;
  return {
    failure,
    seconds: (endMs - startedMs) / 1000,
    // The first token comes with the time that led to it, not with the time after it.
    tokensPerSecond: failure === null && tokens > 2 && streamingMs > 0
      ? (tokens - 1) / (streamingMs / 1000)
      : null,
  };
}
