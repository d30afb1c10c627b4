import { expect, test } from "bun:test";
import { UpstreamFailure } from "../adapter.ts";
import { nextPage, readListing } from "./model_listing.ts";

const read = (value: unknown) => readListing(JSON.stringify(value));
const factsOf = (entry: object) => read({ data: [{ id: "m", ...entry }] })[0]!.capabilities;

test("a list may be under data or bare; duplicates and retired models are left out", () => {
  const data = [{ id: "a" }, { id: "b" }, { id: "a" }, { id: "c", lifecycle: "retired" }, { x: 1 }];
  const listed = [{ id: "a", capabilities: {} }, { id: "b", capabilities: {} }];
  expect(read({ object: "list", data })).toEqual(listed);
  expect(read(data)).toEqual(listed);
  expect(read({ data: [] })).toEqual([]);
});

test("anything but a list is a failure, not an empty list", () => {
  for (const text of ["", "<html>", "{}", "null", '"a"', '{"data":{}}']) {
    expect(() => readListing(text)).toThrow(UpstreamFailure);
  }
});

test("a list whose data is null is empty", () => {
  expect(readListing('{"object":"list","data":null}')).toEqual([]);
});

const lengths: [server: string, entry: object][] = [
  ["OpenRouter and other gateways like ours", { context_length: 8192 }],
  ["vLLM", { max_model_len: 8192 }],
  ["Claude", { max_input_tokens: 8192, max_tokens: 64 }],
  ["Groq", { context_window: 8192 }],
  ["Mistral", { max_context_length: 8192 }],
  ["llama.cpp", { meta: { n_ctx_train: 8192, n_params: 1 } }],
];
for (const [server, entry] of lengths) {
  test(`the context length is read in ${server}'s format`, () => {
    expect(factsOf(entry).context_length).toBe(8192);
  });
}

const abilities: [server: string, entry: object, tools: boolean, vision: boolean | undefined][] = [
  ["gateways like ours", { tools: true, vision: false }, true, false],
  ["Mistral", { capabilities: { function_calling: false, vision: true } }, false, true],
  [
    "OpenRouter",
    { supported_parameters: ["tools"], architecture: { input_modalities: ["text", "image"] } },
    true,
    true,
  ],
  ["Ollama and LM Studio", { capabilities: ["completion", "tool_use"] }, true, false],
  ["Claude", { tools: true, capabilities: { image_input: { supported: true } } }, true, true],
  [
    "a server that says little",
    { tools: true, capabilities: { image_input: null } },
    true,
    undefined,
  ],
];
for (const [server, entry, tools, vision] of abilities) {
  test(`tools and vision are read in ${server}'s format`, () => {
    expect(factsOf(entry)).toMatchObject({ tools, ...(vision !== undefined && { vision }) });
    expect("vision" in factsOf(entry)).toBe(vision !== undefined);
  });
}

test("endpoints are read from a gateway like ours, or from the type of a single-purpose model", () => {
  const named = ["/v1/chat/completions", "/v1/brand/new", "/v1/embeddings"];
  expect(factsOf({ endpoints: named }).endpoints).toEqual([named[0]!, named[2]!]);
  expect(factsOf({ type: "embeddings" }).endpoints).toEqual(["/v1/embeddings"]);
  expect(factsOf({ type: "rerank" }).endpoints).toEqual(["/v1/rerank"]);
  expect(factsOf({ type: "moderation" }).endpoints).toEqual(["/v1/moderations"]);
  expect(factsOf({ type: "llm" })).toEqual({});
});

test("invalid facts are left out", () => {
  expect(factsOf({ context_length: "8k", tools: "yes", vision: null, endpoints: ["/x"] }))
    .toEqual({});
});

test("a paged list names the start of the next page", () => {
  expect(nextPage('{"data":[],"has_more":true,"last_id":"m"}')).toBe("m");
  expect(nextPage('{"data":[],"has_more":false,"last_id":"m"}')).toBeNull();
  expect(nextPage('{"data":[]}')).toBeNull();
});
