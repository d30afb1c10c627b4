/** What a call takes from its request: body, headers and the permissions of its key. */

import { describe, expect, test } from "bun:test";
import { CallBody, Endpoint } from "../../protocol/mod.ts";
import type { Key } from "../account/keyring.ts";
import { Names } from "../account/names.ts";
import { silentLog } from "../base/log.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { ResponseAffinity } from "../call/response_affinity.ts";
import type { CallRequest } from "../schedule/call.ts";
import { noMemberships } from "../node/audience.ts";
import { MAX_CHOICES } from "../node/attempt.ts";
import { ReceivedBody } from "../node/body.ts";
import { readCall } from "./call_reader.ts";
import type { Hub } from "../node/hub.ts";
import { endpoints } from "./endpoints.ts";

const key: Key = {
  id: "key-1",
  accountId: "alice",
  kind: "api",
  accountRpm: null,
  rpm: null,
  budget: null,
  accountBudget: null,
  family: "key-1",
  models: null,
  route: "any",
  ownAliases: null,
  isAdmin: false,
};

const messages = [{ role: "user", content: "hi" }];

interface Options {
  endpoint?: Endpoint;
  headers?: Record<string, string>;
  models?: readonly string[];
}

function read(body: object, { endpoint = Endpoint.chat, headers = {}, models }: Options = {}) {
  const clock = new FakeClock();
  const responseAffinity = new ResponseAffinity(clock);
  responseAffinity.keep("alice", "resp_1", "key/a");
  const request = new Request("http://gateway/v1", { method: "POST", headers });
  const bytes = new TextEncoder().encode(JSON.stringify({ model: "m", ...body }));
  const row = endpoints.find(({ path }) => path === endpoint)!;
  const received = { request, requestId: "req-1", startedMs: 7 };
  const allowed = { ...key, models: models ?? null };
  const kept = new ReceivedBody(bytes);
  const parts = {
    clock,
    responseAffinity,
    names: new Names({ store: {} as never, keyring: {} as never, clock, log: silentLog }),
    scheduler: { waiting: 0, waitingFor: () => 0, callMs: () => null },
    random: () => 0,
    memberships: noMemberships,
    hub: { findPublic: () => undefined } as unknown as Hub,
  };
  return readCall(received, CallBody.of(bytes), kept, row, allowed, parts);
}

function request(...args: Parameters<typeof read>): CallRequest {
  return read(...args).request;
}

describe("a call", () => {
  test("has its caller, its model, its endpoint and its body unchanged", () => {
    const call = read({ messages, seed: 1.5 });
    expect(call.request).toMatchObject({
      id: "req-1",
      accountId: "alice",
      keyId: "key-1",
      endpoint: Endpoint.chat,
      model: "m",
      stream: false,
      headers: null,
      requiredNode: null,
    });
    expect(call.request.body.text).toBe(JSON.stringify({ model: "m", messages, seed: 1.5 }));
    expect([call.startedMs, call.startedAt]).toEqual([7, new FakeClock().now()]);
  });

  test("may use only the models of its key", () => {
    expect(request({ messages }, { models: ["n", "m"] }).model).toBe("m");
    expect(() => read({ messages }, { models: ["n"] })).toThrow(
      "this key or its account may not use it",
    );
    expect(() => read({ messages }, { models: [] })).toThrow(
      "this key or its account may not use it",
    );
  });

  const usages: [what: string, body: object, endpoint: Endpoint, wantsUsage: boolean][] = [
    ["without options", { messages }, Endpoint.chat, false],
    [
      "that asks for it",
      { messages, stream_options: { include_usage: true } },
      Endpoint.chat,
      true,
    ],
    ["that declines it", { messages, stream_options: { include_usage: 1 } }, Endpoint.chat, false],
    ["of null options", { messages, stream_options: null }, Endpoint.chat, false],
    ["to an endpoint that always has it", { input: "hi" }, Endpoint.responses, true],
  ];
  for (const [what, body, endpoint, wantsUsage] of usages) {
    test(`${what} is${wantsUsage ? "" : " not"} shown its usage`, () => {
      expect(request({ ...body, stream: true }, { endpoint }).wantsUsage).toBe(wantsUsage);
    });
  }

  test("has its stream options where the endpoint knows any", () => {
    const options = { include_usage: true, x: 1 };
    expect(request({ messages, stream_options: options }).streamOptions).toEqual(options);
    expect(request({ input: "hi", stream_options: options }, { endpoint: Endpoint.responses }))
      .toMatchObject({ streamOptions: null });
  });

  test("has as many choices as it asks for, where that is a number that can be", () => {
    const choices = [2, MAX_CHOICES, undefined, 0, -1, 1.5, MAX_CHOICES + 1, "3", null]
      .map((n) => request({ messages, n }).choices);
    expect(choices).toEqual([2, MAX_CHOICES, 1, 1, 1, 1, 1, 1, 1]);
  });

  test("is told its queue position if it streams and asks for that", () => {
    const headers = { "x-colink-queue-position": "1" };
    expect(request({ messages, stream: true }, { headers }).wantsPosition).toBe(true);
    expect(request({ messages }, { headers }).wantsPosition).toBe(false);
    expect(request({ messages, stream: true }).wantsPosition).toBe(false);
    expect(
      request({ messages, stream: true }, { headers: { "x-colink-queue-position": "0" } })
        .wantsPosition,
    ).toBe(false);
  });

  test("passes on the headers that its endpoint names, and no others", () => {
    const headers = { "anthropic-version": "2023-06-01", "authorization": "Bearer x" };
    const body = { messages, max_tokens: 1 };
    expect(request(body, { endpoint: Endpoint.messages, headers }).headers)
      .toEqual({ "anthropic-version": "2023-06-01" });
    expect(request({ messages }, { headers }).headers).toBeNull();
  });

  const hints: [
    client: string,
    body: object,
    headers: Record<string, string>,
    hint: string | null,
  ][] = [
    ["opencode", {}, { "x-session-affinity": "s" }, "s"],
    ["Claude Code", { metadata: { user_id: "u" } }, { "x-claude-code-session-id": "s" }, "s"],
    ["Codex", { prompt_cache_key: "k" }, { "session-id": "s" }, "s"],
    ["an OpenAI SDK", { prompt_cache_key: "k" }, {}, "k"],
    ["an Anthropic SDK", { metadata: { user_id: "u" } }, {}, "u"],
    ["a client that says nothing", { metadata: null, prompt_cache_key: 1 }, {}, null],
    ["a client that says too much", { prompt_cache_key: "k".repeat(5000) }, {}, null],
    ["a client that means something else", { metadata: { user_id: 7 } }, {}, null],
  ];
  for (const [client, body, headers, hint] of hints) {
    test(`of ${client} belongs to the session ${hint}`, () => {
      expect(request({ messages, ...body }, { headers }).sessionHint).toBe(hint);
    });
  }

  test("that continues a stored response can be served by the response's node only", () => {
    const endpoint = Endpoint.responses;
    expect(request({ previous_response_id: "resp_1" }, { endpoint }).requiredNode).toBe("key/a");
    expect(request({ previous_response_id: null }, { endpoint }).requiredNode).toBeNull();
    expect(() => read({ previous_response_id: "resp_2" }, { endpoint }))
      .toThrow("this gateway does not know it");
    expect(request({ messages, previous_response_id: "resp_2" }).requiredNode).toBeNull();
  });
});
