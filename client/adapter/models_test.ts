import { expect, test } from "bun:test";
import { type ProviderType, providerTypes } from "./provider_types.ts";
import { realWorld } from "../world.ts";
import { UpstreamFailure } from "./adapter.ts";
import { ClaudeAdapter } from "./claude.ts";
import { OpenAiAdapter } from "./openai.ts";

const adapters = { openai: OpenAiAdapter, claude: ClaudeAdapter };

/** An adapter with the given answer to GET requests, and the requests it sent. */
function adapterOver(type: ProviderType, answer: (url: URL) => Response) {
  const requests: string[] = [];
  const provider = { type, base_url: "http://h?a=b", api_key: "k-secret", models: [] };
  const adapter = new adapters[type](provider, {
    ...realWorld,
    fetch: (text, init) => {
      const url = new URL(text);
      requests.push(`${init.method ?? "GET"} ${url.pathname}${url.search}`);
      return Promise.resolve(answer(url));
    },
  });
  return { adapter, requests };
}

const { signal } = new AbortController();

for (const type of ["openai", "claude"] as const) {
  test(`a provider of type ${type} serves the endpoints that its configuration may name`, () => {
    const { adapter } = adapterOver(type, () => Response.json({}));
    expect(adapter.endpoints).toEqual(providerTypes[type].endpoints);
  });

  test(`a provider of type ${type} whose model list fails reports the status`, async () => {
    const { adapter } = adapterOver(type, () => new Response("no", { status: 403 }));
    const failure = await adapter.models(signal).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UpstreamFailure);
    expect(failure).toMatchObject({
      code: 403,
      message: "The provider answered HTTP 403: check api_key",
    });
  });
}

test("an OpenAI-compatible server's list is read below its base URL", async () => {
  const { adapter, requests } = adapterOver("openai", () => Response.json({ data: [{ id: "m" }] }));
  expect(await adapter.models(signal)).toEqual([{ id: "m", capabilities: {} }]);
  expect(requests[0]).toBe("GET /v1/models?a=b");
});

test("Claude's list is read to its last page, and all of its models support tools", async () => {
  const pages: Record<string, object> = {
    "": { data: [{ id: "a", max_input_tokens: 8 }], has_more: true, last_id: "a" },
    a: { data: [{ id: "b", lifecycle: "retired" }, { id: "c" }], has_more: false, last_id: "c" },
  };
  const { adapter, requests } = adapterOver(
    "claude",
    (url) => Response.json(pages[url.searchParams.get("after_id") ?? ""]),
  );
  expect(await adapter.models(signal)).toEqual([
    { id: "a", capabilities: { tools: true, context_length: 8 } },
    { id: "c", capabilities: { tools: true } },
  ]);
  expect(requests).toEqual([
    "GET /v1/models?a=b&limit=1000",
    "GET /v1/models?a=b&limit=1000&after_id=a",
  ]);
});

test("an endless list is read up to a bound", async () => {
  const { adapter, requests } = adapterOver(
    "claude",
    () => Response.json({ data: [{ id: "a" }], has_more: true, last_id: "a" }),
  );
  await adapter.models(signal);
  expect(requests).toHaveLength(5);
});
