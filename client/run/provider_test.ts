import { expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { type Adapter, type ListedModel, UpstreamFailure } from "../adapter/adapter.ts";
import type { ModelsConfig, ProviderConfig } from "../config/config.ts";
import { Provider } from "./provider.ts";

const { chat, embeddings, messages, responses } = Endpoint;
const now = new AbortController().signal;

/** A provider that has listed these models. */
async function listing(
  models: ModelsConfig,
  listed: (string | ListedModel)[],
  more: Partial<ProviderConfig> = {},
): Promise<Provider> {
  const provider = providerOf(models, {
    models: () =>
      Promise.resolve(
        listed.map((one) => typeof one === "string" ? { id: one, capabilities: {} } : one),
      ),
  }, more);
  await provider.refresh(now);
  return provider;
}

function providerOf(
  models: ModelsConfig,
  adapter: Partial<Adapter> = {},
  more: Partial<ProviderConfig> = {},
): Provider {
  const whole: Adapter = {
    endpoints: [chat, embeddings, messages],
    async *answer() {},
    ...adapter,
  };
  return new Provider("providers[0] openai", "openai", { type: "openai", models, ...more }, whole);
}

const names = (provider: Provider) => [...provider.offers().keys()];

test("auto offers what the provider lists, under its own names", async () => {
  expect(names(await listing("auto", ["a", "meta/b:8b"]))).toEqual(["a", "meta/b:8b"]);
});

test("before the list has come, auto offers nothing and named models are offered all the same", () => {
  expect(names(providerOf("auto"))).toEqual([]);
  expect(names(providerOf([{ local: "a", server_mapping: "pro" }]))).toEqual(["pro"]);
});

test("a prefix stands before the names that callers ask for, not before the provider's", async () => {
  const provider = await listing({ auto: { prefix: "studio/" } }, ["llama3"]);
  expect([...provider.offers()].map(([name, { local }]) => [name, local]))
    .toEqual([["studio/llama3", "llama3"]]);
});

test("allow narrows, deny wins, and both look at the provider's names", async () => {
  const rules = { prefix: "x-", allow: ["llama*", "qwen*"], deny: ["*-base", "x-*"] };
  const listed = ["llama3", "llama3-base", "qwen2", "gpt-4", "QWEN3"];
  expect(names(await listing({ auto: rules }, listed)))
    .toEqual(["x-QWEN3", "x-llama3", "x-qwen2"]);
});

test("names that callers could not ask for are left out and known", async () => {
  const provider = await listing("auto", ["fine", "two  blanks", "x".repeat(300)]);
  expect(names(provider)).toEqual(["fine"]);
  expect(provider.invalidNames).toEqual(["two  blanks", "x".repeat(300)]);
});

test("a list that cannot be read leaves what was offered before", async () => {
  let isDown = false;
  const provider = providerOf("auto", {
    models: () =>
      isDown
        ? Promise.reject(new UpstreamFailure(502, "down"))
        : Promise.resolve([{ id: "a", capabilities: {} }]),
  });
  await provider.refresh(now);
  isDown = true;
  expect(provider.refresh(now)).rejects.toThrow("down");
  expect(names(provider)).toEqual(["a"]);
});

const endpointsOf = (provider: Provider) =>
  Object.fromEntries(
    [...provider.offers()].map(([name, offer]) => [name, offer.endpoints as string[]]),
  );

test("a model's endpoints are its own, else its provider's, else the list's, else the adapter's", async () => {
  const listed = (id: string) => ({ id, capabilities: { endpoints: [embeddings] as string[] } });
  const models = [
    { local: "own", endpoints: ["messages" as const] },
    { local: "listed" },
    { local: "unlisted" },
  ];
  expect(endpointsOf(await listing(models, [listed("own"), listed("listed")]))).toEqual({
    own: [messages],
    listed: [embeddings],
    unlisted: [chat, embeddings, messages],
  });
  const provider = await listing(models, [listed("listed")], { endpoints: ["chat"] });
  expect(endpointsOf(provider)).toEqual({ own: [messages], listed: [chat], unlisted: [chat] });
});

test("an opt-in endpoint is offered only where the configuration or the list names it", async () => {
  const models = [{ local: "own", endpoints: ["rerank" as const] }, { local: "unsaid" }];
  const adapter = { endpoints: [chat, Endpoint.rerank], usualEndpoints: [chat] };
  expect(endpointsOf(providerOf(models, adapter))).toEqual({
    own: [Endpoint.rerank],
    unsaid: [chat],
  });
  const capabilities = { endpoints: [Endpoint.rerank] as string[] };
  const listed = providerOf("auto", {
    ...adapter,
    models: () => Promise.resolve([{ id: "ranker", capabilities }]),
  });
  await listed.refresh(now);
  expect(endpointsOf(listed)).toEqual({ ranker: [Endpoint.rerank] });
});

test("a model without an endpoint that the provider serves is not offered", async () => {
  const capabilities = { endpoints: [responses] as string[] };
  expect(names(await listing("auto", [{ id: "a", capabilities }]))).toEqual([]);
});

test("capabilities in the list are known for named models too", async () => {
  const capabilities = { context_length: 8192, tools: true };
  const models = [{ local: "a", server_mapping: "pro" }];
  const provider = await listing(models, [{ id: "a", capabilities }]);
  expect(provider.offers().get("pro")?.capabilities).toEqual(capabilities);
});

test("a model that by its list serves nothing here is offered only if the owner has named it", async () => {
  const none = { id: "a", capabilities: { endpoints: [] } };
  expect(names(await listing("auto", [none]))).toEqual([]);
  expect(endpointsOf(await listing([{ local: "a" }], [none]))).toEqual({
    a: [chat, embeddings, messages],
  });
});

test("a list as long as an answer may be is cut, and gone through a few times only", async () => {
  let looks = 0;
  const model = (id: string): ListedModel => ({
    capabilities: {},
    get id() {
      looks++;
      return id;
    },
  });
  const listed = Array.from({ length: 2_000 }, (_, at) => model(`m${at}`));
  const provider = await listing("auto", listed);
  expect(names(provider)).toHaveLength(2_000);
  expect(looks).toBeLessThan(100 * 2_000);
  const endless = Array.from({ length: 50_000 }, (_, at) => `m${at}`);
  expect(names(await listing("auto", endless))).toHaveLength(20_000);
});
