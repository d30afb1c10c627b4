import { expect, test } from "bun:test";
import { announce } from "../link/announcement.ts";
import { Catalogue, providerScopes } from "./catalogue.ts";
import { termsOf } from "../node.ts";
import type { ProviderConfig } from "../config/config.ts";
import { realWorld } from "../world.ts";

/** Providers on one host each, whose lists are these; a host without one is down. */
function catalogueOf(
  lists: Record<string, object[]>,
  providers: (Partial<ProviderConfig> & { host: string })[],
): Catalogue {
  return new Catalogue(
    {
      client_token: "client-1",
      server_url: "ws://gateway.example",
      providers: providers.map(({ host, ...more }) => ({
        type: "openai",
        base_url: `http://${host}`,
        models: "auto",
        ...more,
      })),
    },
    {},
    {
      ...realWorld,
      fetch: (url) => {
        const list = lists[new URL(url).host];
        return list === undefined
          ? Promise.reject(new Error("down"))
          : Promise.resolve(Response.json({ data: list }));
      },
    },
  );
}

/** Asks all providers, and takes over what they said. */
async function refreshed(catalogue: Catalogue): Promise<boolean> {
  const { signal } = new AbortController();
  await Promise.allSettled(catalogue.providers.map((provider) => provider.refresh(signal)));
  return catalogue.update();
}

test("a name that two providers offer is tried at the first, then at the second", async () => {
  const catalogue = catalogueOf({ a: [{ id: "m" }], b: [{ id: "m" }, { id: "n" }] }, [
    { host: "a" },
    { host: "b" },
    { host: "c", models: [{ local: "x", server_mapping: "m" }] },
  ]);
  await refreshed(catalogue);
  expect(Object.keys(catalogue.capabilities)).toEqual(["m", "n"]);
  expect(catalogue.get("m")?.map(({ provider, local }) => [provider, local])).toEqual([
    ["providers[0] openai", "m"],
    ["providers[1] openai", "m"],
    ["providers[2] openai", "x"],
  ]);
});

test("a provider's scope of the owner's policy is its own, whatever stands before it", async () => {
  const [a, b] = [{ host: "a", models: [] }, { host: "b" }];
  const scopesOf = async (providers: Parameters<typeof catalogueOf>[1]) => {
    const catalogue = catalogueOf({ b: [{ id: "m" }] }, providers);
    await refreshed(catalogue);
    return catalogue.get("m")?.map(({ scopes }) => scopes);
  };
  const scopes = await scopesOf([a, b]);
  expect(scopes).toEqual([["openai http://b", "openai http://b\nm"]]);
  expect(await scopesOf([b, a])).toEqual(scopes);
  const provider = { type: "openai" as const, base_url: "http://b", models: [] };
  expect(providerScopes([provider, provider])).toEqual(["openai http://b", "openai http://b #2"]);
  expect(providerScopes([{ type: "claude" }])).toEqual(["claude"]);

  const policy = { tokens_per_day: 5 };
  const terms = termsOf({
    client_token: "client-1",
    server_url: "ws://gateway.example",
    providers: [{ ...provider, policy, models: [{ local: "m", policy }] }],
  });
  expect(terms.scopes.map(({ key }) => key)).toEqual([...scopes![0]!]);
});

test("of a name with two offers, only what both can is promised", async () => {
  const catalogue = catalogueOf({
    a: [{
      id: "m",
      context_length: 8192,
      max_output_tokens: 32,
      tools: true,
      vision: true,
      thinking: true,
      loaded: true,
    }],
    b: [{
      id: "m",
      context_length: 4096,
      max_output_tokens: 64,
      tools: true,
      vision: false,
      thinking: true,
      loaded: false,
    }],
  }, [{ host: "a" }, { host: "b" }]);
  await refreshed(catalogue);
  expect(catalogue.capabilities.m).toMatchObject({
    context_length: 4096,
    max_output_tokens: 32,
    tools: true,
    vision: false,
    thinking: true,
    // In memory at one of them is in memory.
    loaded: true,
  });
});

test("of a name with two offers, what one of them does not state is not stated", async () => {
  const catalogue = catalogueOf({
    a: [{ id: "m", context_length: 8192, tools: true, vision: false }],
    b: [{ id: "m" }],
  }, [{ host: "a" }, { host: "b" }]);
  await refreshed(catalogue);
  const { context_length, tools, vision } = catalogue.capabilities.m!;
  expect({ context_length, tools, vision }).toEqual({
    context_length: undefined,
    tools: undefined,
    vision: false,
  });
});

test("only a difference is a change", async () => {
  const lists: Record<string, object[]> = { a: [{ id: "m" }, { id: "n" }] };
  const catalogue = catalogueOf(lists, [{ host: "a" }]);
  expect(await refreshed(catalogue)).toBe(true);
  lists.a!.reverse();
  expect(await refreshed(catalogue)).toBe(false);
  lists.a = [{ id: "m", context_length: 1 }];
  expect(await refreshed(catalogue)).toBe(true);
  delete lists.a;
  expect(await refreshed(catalogue)).toBe(false);
  lists.a = [];
  expect(await refreshed(catalogue)).toBe(true);
  expect(catalogue.get("m")).toBeUndefined();
});

test("no more models are announced than one frame holds", async () => {
  const many = Array.from({ length: 1_200 }, (_, i) => ({ id: `${i}-${"x".repeat(150)}` }));
  const catalogue = catalogueOf({ a: many.slice(0, 900), b: many.slice(900) }, [
    { host: "a" },
    { host: "b" },
  ]);
  await refreshed(catalogue);
  const { models, capabilities, leftOut } = announce(catalogue.capabilities);
  expect(models.length + leftOut).toBe(1_200);
  expect(new Set(models)).toEqual(
    new Set(Object.keys(catalogue.capabilities).slice(0, models.length)),
  );
  expect(Object.keys(capabilities)).toEqual(models);
  expect(JSON.stringify({ models, capabilities }).length).toBeLessThan(256 * 1024);
  const short = Object.fromEntries(many.map((_, i) => [`m${i}`, {}]));
  expect(announce(short)).toMatchObject({ leftOut: 200 });
});
