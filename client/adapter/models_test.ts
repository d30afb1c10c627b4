import { expect, test } from "bun:test";
import { type ProviderType, providerTypes } from "./provider_types.ts";
import { realWorld } from "../world.ts";
import { UpstreamFailure } from "./adapter.ts";
import { ClaudeAdapter } from "./claude.ts";
import { OpenAiAdapter } from "./openai.ts";

const adapters = { openai: OpenAiAdapter, claude: ClaudeAdapter };

/** An adapter whose provider answers a GET like this, and what it was asked. */
function adapterOver(type: ProviderType, answer: (url: URL) => Response) {
  const asked: string[] = [];
  const provider = { type, base_url: "http://h?a=b", api_key: "k-secret", models: [] };
  const adapter = new adapters[type](provider, {
    ...realWorld,
    fetch: (text, init) => {
      const url = new URL(text);
      asked.push(`${init.method ?? "GET"} ${url.pathname}${url.search}`);
      return Promise.resolve(answer(url));
    },
  });
  return { adapter, asked };
}

const { signal } = new AbortController();

for (const type of ["openai", "claude"] as const) {
  test(`a provider of type ${type} serves what a configuration may name for it`, () => {
    const { adapter } = adapterOver(type, () => Response.json({}));
    expect(adapter.endpoints).toEqual(providerTypes[type].endpoints);
  });

  test(`a provider of type ${type} that refuses its list says why`, async () => {
    const { adapter } = adapterOver(type, () => new Response("no", { status: 403 }));
    const failure = await adapter.models(signal).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UpstreamFailure);
    expect(failure).toMatchObject({ code: 403, message: "The provider answered HTTP 403" });
  });
}

test("an OpenAI-compatible server is asked for its list below its address", async () => {
  const { adapter, asked } = adapterOver("openai", () => Response.json({ data: [{ id: "m" }] }));
  expect(await adapter.models(signal)).toEqual([{ id: "m", capabilities: {} }]);
  expect(asked).toEqual(["GET /v1/models?a=b"]);
});

test("Claude's list is read to its last page, and all of its models take tools", async () => {
  const pages: Record<string, object> = {
    "": { data: [{ id: "a", max_input_tokens: 8 }], has_more: true, last_id: "a" },
    a: { data: [{ id: "b", lifecycle: "retired" }, { id: "c" }], has_more: false, last_id: "c" },
  };
  const { adapter, asked } = adapterOver(
    "claude",
    (url) => Response.json(pages[url.searchParams.get("after_id") ?? ""]),
  );
  expect(await adapter.models(signal)).toEqual([
    { id: "a", capabilities: { tools: true, context_length: 8 } },
    { id: "c", capabilities: { tools: true } },
  ]);
  expect(asked).toEqual([
    "GET /v1/models?a=b&limit=1000",
    "GET /v1/models?a=b&limit=1000&after_id=a",
  ]);
});

test("a list that never ends is not read for ever", async () => {
  const { adapter, asked } = adapterOver(
    "claude",
    () => Response.json({ data: [{ id: "a" }], has_more: true, last_id: "a" }),
  );
  await adapter.models(signal);
  expect(asked).toHaveLength(5);
});
