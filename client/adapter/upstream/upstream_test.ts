import { afterEach, describe, expect, test } from "bun:test";
import { startClosingServer } from "../../testing/closing_server.ts";
import { StubUpstream } from "../../testing/stub_upstream.ts";
import { realWorld } from "../../world.ts";
import { UpstreamFailure } from "../adapter.ts";
import { Upstream } from "./upstream.ts";
import { retryAfterMs, toFailure } from "./upstream_error.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const { signal } = new AbortController();

function stub(...answers: ConstructorParameters<typeof StubUpstream>): StubUpstream {
  const server = new StubUpstream(...answers);
  cleanups.push(() => server.stop());
  return server;
}

function upstreamAt(url: string, change: { extraHeaders?: Record<string, string> } = {}): Upstream {
  return new Upstream({
    baseUrl: new URL(url),
    apiKey: "sk-the-key",
    headers: { authorization: "Bearer sk-the-key" },
    ...change,
  }, realWorld);
}

function failureOf(promise: Promise<unknown>): Promise<UpstreamFailure> {
  return promise.then(() => Promise.reject(new Error("It did not fail")), (failure) => {
    expect(failure).toBeInstanceOf(UpstreamFailure);
    return failure;
  });
}

describe("a text for callers", () => {
  const upstream = upstreamAt("http://models.example:8080/v1?token=query-secret&v=1", {
    extraHeaders: { "x-proxy-key": "header-secret", "x-short": "ok" },
  });
  const secrets: [what: string, value: string][] = [
    ["the key", "sk-the-key"],
    ["the value of an owner's header", "header-secret"],
    ["a value in the base URL's query", "query-secret"],
    ["the base URL", "http://models.example:8080/v1?token=query-secret&v=1"],
    ["the origin", "http://models.example:8080"],
    ["the host", "models.example:8080"],
  ];
  for (const [what, value] of secrets) {
    test(`does not contain ${what}`, () => {
      expect(upstream.redact(`bad ${value}, ${value}!`)).toBe("bad [hidden], [hidden]!");
      const failure = toFailure(400, { message: `bad ${value}`, param: value }, upstream, {
        bodyText: JSON.stringify({ error: { message: value } }),
      });
      expect(JSON.stringify([failure.message, failure.error, failure.bodyText]))
        .not.toContain(value);
    });
  }

  test("keeps short values, which are ordinary words", () => {
    expect(upstream.redact("ok, version 1")).toBe("ok, version 1");
    const six = upstreamAt("http://h/v1?six=secret&five=words");
    expect(six.redact("secret words")).toBe("[hidden] words");
  });
});

describe("a GET request", () => {
  test("carries the key and the owner's headers, which override the dialect's", async () => {
    const received: Headers[] = [];
    const server = stub(() => new Response(), ({ headers }) => {
      received.push(headers);
      return Response.json({ data: [] });
    });
    await upstreamAt(`${server.url}/v1`).read("models", signal);
    const extraHeaders = { Authorization: "Basic x", "X-Own": "1" };
    await upstreamAt(`${server.url}/v1`, { extraHeaders }).read("models", signal);
    const sent = received.map((headers) => [headers.get("authorization"), headers.get("x-own")]);
    expect(sent).toEqual([["Bearer sk-the-key", null], ["Basic x", "1"]]);
  });

  test("does not follow a redirect, which would leak the key", async () => {
    const leaked: Headers[] = [];
    const target = stub(() => new Response(), ({ headers }) => {
      leaked.push(headers);
      return Response.json({ data: [] });
    });
    const server = stub(
      () => new Response(),
      () => Response.redirect(`${target.url}/v1/models`, 302),
    );
    const upstream = upstreamAt(`${server.url}/v1`);
    expect((await failureOf(upstream.read("models", signal))).code).toBe(302);
    expect(await upstream.get("models", signal)).toBeNull();
    expect(leaked).toEqual([]);
  });

  test("fails for an answer over 4 MiB", async () => {
    const sizes = [4 * 1024 * 1024, 4 * 1024 * 1024 + 1];
    const server = stub(() => new Response(), () => new Response("x".repeat(sizes.shift()!)));
    const upstream = upstreamAt(`${server.url}/v1`);
    expect((await upstream.read("models", signal)).text).toHaveLength(4 * 1024 * 1024);
    expect((await failureOf(upstream.read("models", signal))).error?.code).toBe("answer_too_large");
  });

  test("whose text is no JSON is null", async () => {
    const server = stub(() => new Response(), () => new Response("<html>"));
    expect(await upstreamAt(`${server.url}/v1`).get("models/m", signal)).toBeNull();
  });
});

test("an aborted request rejects with the signal's reason, not with a failure of the provider", async () => {
  const server = stub(() => new Promise(() => {}), () => new Promise(() => {}));
  const upstream = upstreamAt(server.url);
  const reason = new Error("the caller is gone");
  const requests = (signal: AbortSignal) => [
    upstream.read("models", signal),
    upstream.post("chat/completions", "{}", { stream: false, signal }),
  ];
  for (const request of requests(AbortSignal.abort(reason))) {
    expect(await request.catch((error: unknown) => error)).toBe(reason);
  }
});

test("a POST request's own headers override all others", async () => {
  const server = stub(() => Response.json({}));
  const upstream = upstreamAt(server.url, { extraHeaders: { "x-own": "owner" } });
  await upstream.post("m", "{}", { stream: false, signal }, { "x-own": "call" });
  expect(server.seen[0]!.headers.get("x-own")).toBe("call");
});

test("a retry time is read from either header, and never negative", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const cases: [headers: Record<string, string>, expected: number | undefined][] = [
    [{}, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "2.5" }, 2_500],
    [{ "retry-after-ms": "1500.4", "retry-after": "9" }, 1_500],
    [{ "retry-after-ms": "-5" }, 0],
    [{ "retry-after": new Date(nowMs + 7_000).toUTCString() }, 7_000],
    [{ "retry-after": new Date(nowMs - 7_000).toUTCString() }, 0],
  ];
  for (const [headers, expected] of cases) {
    expect(retryAfterMs(new Headers(headers), nowMs)).toBe(expected);
  }
});

test("what answers, but not as a provider does, is named in words, and not called unreachable", async () => {
  const words = { HPE_INVALID_RESPONSE: "not HTTP", EPROTO: "https", ERR_OTHER: "no connection" };
  for (const [code, expected] of Object.entries(words)) {
    const fetch = () => Promise.reject(Object.assign(new Error("at 10.0.0.1"), { code }));
    const upstream = new Upstream({ baseUrl: new URL("http://h"), headers: {} }, { fetch });
    const failure = await failureOf(upstream.read("a", signal));
    expect([failure.code, failure.kind]).toEqual([502, undefined]);
    expect(failure.message).toContain(expected);
    expect(failure.message).not.toContain("10.0.0.1");
  }
});

describe("a connection that its server closes before the first byte of an answer", () => {
  const post = (upstream: Upstream) => upstream.post("chat", "{}", { stream: false, signal });

  test("as it is used again is unseen: the request goes over a new one, whatever others were kept", async () => {
    const server = await startClosingServer("{}", { connections: 2 });
    cleanups.push(server.stop);
    const upstream = upstreamAt(server.url);
    const kept = [upstream.read("a", signal), upstream.read("b", signal)];
    await Promise.all(kept);
    expect(server.requests).toEqual([1, 1]);
    expect(await (await post(upstream)).text()).toBe("{}");
    expect(server.requests.toSorted()).toEqual([1, 1, 2]);
  });

  test("that was new is a failure", async () => {
    const server = await startClosingServer("{}", { answers: 0 });
    cleanups.push(server.stop);
    const failure = await failureOf(post(upstreamAt(server.url)));
    expect(failure.message).toBe("Cannot reach the provider: the connection was reset");
    // Its request may have caused that.
    expect(failure.kind).toBeUndefined();
    expect(server.requests).toEqual([1]);
  });

  test("twice in a row is a failure", async () => {
    let isUp = true;
    const calls: unknown[] = [];
    const closed = Object.assign(new Error(), { code: "ECONNRESET" });
    const fetch = (_: unknown, init?: RequestInit) => {
      calls.push(init?.keepalive);
      return isUp ? Promise.resolve(new Response("{}")) : Promise.reject(closed);
    };
    const upstream = new Upstream({ baseUrl: new URL("http://h"), headers: {} }, { fetch });
    await post(upstream);
    isUp = false;
    expect((await failureOf(post(upstream))).code).toBe(502);
    expect(calls).toEqual([undefined, undefined, false]);
  });

  test("is a failure where the server may have read the request", async () => {
    let calls = 0;
    const read = Object.assign(new Error(), { code: "ECONNRESET", isStale: false });
    const fetch = () => ++calls === 1 ? Promise.resolve(new Response("{}")) : Promise.reject(read);
    const upstream = new Upstream({ baseUrl: new URL("http://h"), headers: {} }, { fetch });
    await post(upstream);
    expect((await failureOf(post(upstream))).message).toContain("the connection was reset");
    expect(calls).toBe(2);
  });

  test("for another reason is not tried again", async () => {
    let isUp = true;
    let calls = 0;
    const refused = Object.assign(new Error(), { code: "ConnectionRefused" });
    const fetch = () => {
      calls++;
      return isUp ? Promise.resolve(new Response("{}")) : Promise.reject(refused);
    };
    const upstream = new Upstream({ baseUrl: new URL("http://h"), headers: {} }, { fetch });
    await post(upstream);
    isUp = false;
    await failureOf(post(upstream));
    expect(calls).toBe(2);
  });
});
