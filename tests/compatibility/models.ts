/** The model list with both vendors' packages. */

import { expect } from "bun:test";
import { type Feature, features, type Row } from "./feature.ts";

const both = ["openai", "claude"] as const;

/** Models whose providers list capabilities. */
const described = {
  openai: { id: "router/openai/gpt-4o", context_length: 128_000, tools: true, vision: false },
  claude: { id: "recorded/text", context_length: 200_000, tools: true, vision: true },
};

const openAi: Row[] = [
  {
    does: "the list, and one of it",
    on: both,
    async run({ openai, model }) {
      const listed = await Array.fromAsync(openai.models.list());
      expect(listed.map(({ id }) => id)).toContain(model);
      expect(await openai.models.retrieve(model)).toMatchObject({ id: model, object: "model" });
    },
  },
  {
    does: "names with slashes",
    on: both,
    async run({ openai, provider }) {
      const { id } = described[provider];
      expect(await openai.models.retrieve(id)).toMatchObject({ id });
    },
  },
  {
    does: "endpoints, context length, tools and images of a model",
    on: both,
    but: { note: "yes, if the provider's list contains them" },
    async run({ openai, provider }) {
      const model = await openai.models.retrieve(described[provider].id);
      expect(model).toMatchObject(described[provider]);
      expect((model as { endpoints?: string[] }).endpoints).toContain("/v1/messages");
    },
  },
];

const anthropic: Row[] = [
  {
    does: "the list, and one of it",
    on: both,
    async run({ anthropic, model }) {
      const listed = await Array.fromAsync(anthropic.models.list({ limit: 2 }));
      expect(listed.map(({ id }) => id)).toContain(model);
      expect(await anthropic.models.retrieve(model)).toMatchObject({ id: model, type: "model" });
    },
  },
];

export const models: Feature[] = [
  ...features("openai", "/v1/models", openAi),
  ...features("@anthropic-ai/sdk", "/v1/models", anthropic),
];
