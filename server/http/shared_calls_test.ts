/** Callers who come back: by Idempotency-Key, from whatever event on. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { ErrorView } from "../../api/mod.ts";
import { allFacts } from "../node/model_facts.ts";
import type { AttemptSink } from "../node/attempt.ts";
import { endpoints } from "./endpoints.ts";
import { type Script, type TestAccount, TestApp } from "./testing/test_app.ts";

let app: TestApp;
let owner: TestAccount;
let script: Script;
/** Calls that the node was sent. */
let ran = 0;
let keys = 0;

beforeAll(async () => {
  app = await TestApp.start({
    COLINK_DEFAULT_RPM: "100000",
    COLINK_WHOLE_KEEPALIVE_SECONDS: "600",
  });
  owner = await app.account("owner@example.org");
  const facts = new Map([["m", allFacts({ endpoints: endpoints.map(({ path }) => path) })]]);
  app.join(owner, { name: "n", maxParallel: 1000, facts }, (sink, order) => {
    ran++;
    script(sink, order);
  });
});
afterAll(() => app.stop());
beforeEach(() => {
  ran = 0;
  script = answered;
});

const answered: Script = (sink, { stream }) => {
  sink.head({});
  if (!stream) sink.data('{"choices":[]}');
  else for (let i = 0; i < 3; i++) sink.data(text(i));
  sink.finish();
};

function text(content: unknown): string {
  return `data: ${JSON.stringify({ choices: [{ delta: { content: `<${content}>` } }] })}\n\n`;
}

const newKey = () => `key-${++keys}-of-test`;
const hello = { model: "m", messages: [{ role: "user", content: "hi" }] };

interface Sent {
  key?: string;
  after?: number | string;
  body?: object;
  token?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  path?: string;
}

function send(
  { key, after, body = {}, token = owner.api_token, headers = {}, signal, path }: Sent,
) {
  return app.send(`POST ${path ?? "/v1/chat/completions"}`, {
    token,
    headers: {
      ...(key === undefined ? {} : { "idempotency-key": key }),
      ...(after === undefined ? {} : { "last-event-id": String(after) }),
      ...headers,
    },
    body: { ...hello, ...body },
  }, signal);
}

async function errorOf(response: Promise<Response>): Promise<[number, string | null]> {
  const answer = await response;
  return [answer.status, (await answer.json() as ErrorView).error.code];
}

/** Holds the node's answer open: resolves with what sends it. */
function held(): Promise<AttemptSink> {
  const { promise, resolve } = Promise.withResolvers<AttemptSink>();
  script = (sink) => {
    sink.head({});
    resolve(sink);
  };
  return promise;
}

/** Reads a stream as it comes. */
async function reading(response: Promise<Response>) {
  const { body, headers, status } = await response;
  const reader = body!.getReader();
  const decoder = new TextDecoder();
  const read = { text: "", isEnded: false, headers, status, leave: () => void reader.cancel() };
  void (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      read.text += decoder.decode(value, { stream: true });
    }
    read.isEnded = true;
  })().catch(() => {});
  return read;
}

const rows = async () =>
  (await app.parts.store.calls.page({
    accountId: owner.id,
    side: "made",
    limit: 1000,
  })).calls;

describe("an Idempotency-Key", () => {
  test("runs its request once: the same one gets the same answer again, whole or as a stream", async () => {
    for (const stream of [false, true]) {
      ran = 0;
      const key = newKey();
      const first = await send({ key, body: { stream } });
      const firstText = await first.text();
      const again = await send({ key, body: { stream } });
      expect([ran, again.status]).toEqual([1, 200]);
      expect(await again.text()).toBe(firstText);
      expect(first.headers.get("x-colink-replayed")).toBeNull();
      expect(again.headers.get("x-colink-replayed")).toBe("stored");
      expect(again.headers.get("x-colink-node")).toBe("node_n");
      expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
    }
  });

  test("numbers each event of a stream, the last one, too, and changes nothing else", async () => {
    const plain = await (await send({ body: { stream: true } })).text();
    const numbered = await (await send({ key: newKey(), body: { stream: true } })).text();
    expect(numbered.match(/^id: \d+$/gm)).toEqual(["id: 1", "id: 2", "id: 3", "id: 4"]);
    expect(numbered.replaceAll(/^id: \d+\n/gm, "")).toBe(plain);
  });

  test("of a running call attaches to it: each caller has the whole stream", async () => {
    const begun = held();
    const key = newKey();
    const first = reading(send({ key, body: { stream: true } }));
    const sink = await begun;
    sink.data(text("a"));
    const second = await reading(send({ key, body: { stream: true } }));
    expect(second.headers.get("x-colink-replayed")).toBe("live");
    sink.data(text("b"));
    sink.finish();
    await app.clock.pass(0);
    await Bun.sleep(0);
    expect((await first).text).toBe(second.text);
    expect(second.text).toContain("<b>");
    expect([ran, second.isEnded]).toEqual([1, true]);
  });

  test("with another body or at another endpoint is refused", async () => {
    const key = newKey();
    await send({ key });
    const refused = [409, "idempotency_key_reused"] as const;
    expect(await errorOf(send({ key, body: { temperature: 1 } }))).toEqual([...refused]);
    expect(await errorOf(send({ key, path: "/v1/messages", body: { max_tokens: 1 } })))
      .toEqual([409, undefined as never]);
    const { headers } = await send({ key, body: { temperature: 1 } });
    expect(headers.get("x-should-retry")).toBe("false");
    expect(headers.get("x-colink-replayed")).toBeNull();
  });

  test("of another account is another key", async () => {
    const other = await app.account("other@example.org");
    const key = newKey();
    await send({ key });
    const answer = await send({ key, token: other.api_token });
    expect([ran, answer.headers.get("x-colink-replayed")]).toEqual([2, null]);
  });

  test("must be 8 to 255 visible characters", async () => {
    for (const key of ["short", "x".repeat(256), "with space", "tab\tinside", "", "é".repeat(10)]) {
      const [status, code] = await errorOf(send({ key }));
      expect([key, status, code]).toEqual([key, 400, "invalid_request"]);
    }
    expect(ran).toBe(0);
  });

  test("is forgotten after five minutes", async () => {
    const key = newKey();
    await send({ key });
    await app.clock.pass(299_000);
    expect((await send({ key })).headers.get("x-colink-replayed")).toBe("stored");
    await app.clock.pass(2_000);
    expect((await send({ key })).headers.get("x-colink-replayed")).toBeNull();
    expect(ran).toBe(2);
  });

  test("of a failure that may be tried again runs again, and of another one does not", async () => {
    const fail = (code: number): Script => (sink) =>
      sink.fail({ kind: "refused", error: { request_id: "x", code, message: "no" } as never });
    const key = newKey();
    script = fail(503);
    expect((await send({ key })).status).toBe(503);
    await app.clock.pass(700_000);
    script = answered;
    expect((await send({ key })).status).toBe(200);
    const bad = newKey();
    script = fail(422);
    expect((await send({ key: bad })).status).toBe(422);
    script = answered;
    expect((await send({ key: bad })).status).toBe(422);
  });

  test("of a request that was refused is free again", async () => {
    const key = newKey();
    expect((await send({ key, body: { messages: [] } })).status).toBe(400);
    expect((await send({ key })).status).toBe(200);
  });

  test("costs one call of the limit and one row, however many read", async () => {
    const key = newKey();
    const first = await send({ key });
    const ids = [first.headers.get("x-request-id")];
    const left = Number(first.headers.get("x-ratelimit-remaining-requests"));
    for (let i = 0; i < 5; i++) ids.push((await send({ key })).headers.get("x-request-id"));
    const next = await send({});
    expect(Number(next.headers.get("x-ratelimit-remaining-requests"))).toBe(left - 1);
    ids.push(next.headers.get("x-request-id"));
    await waitFor(async () => (await rows()).some(({ id }) => id === ids.at(-1)));
    expect((await rows()).filter(({ id }) => ids.includes(id))).toHaveLength(2);
  });

  test("gives a key that may not use the model none of its answers", async () => {
    const { token } = await app.key(owner, { models: ["another"] });
    const key = newKey();
    await send({ key });
    expect(await errorOf(send({ key, token }))).toEqual([403, "model_not_allowed"]);
  });
});

describe("Last-Event-ID", () => {
  test("gives the events behind it, from any place, while the call runs and when it has ended", async () => {
    const begun = held();
    const key = newKey();
    const whole = reading(send({ key, body: { stream: true } }));
    const sink = await begun;
    for (const each of ["a", "b", "c"]) sink.data(text(each));
    const late = reading(send({ key, after: 2, body: { stream: true } }));
    await app.clock.pass(0);
    sink.finish();
    await app.clock.pass(0);
    await Bun.sleep(0);
    const all = (await whole).text;
    const behind = (n: number) => all.slice(all.indexOf(`id: ${n + 1}\n`));
    expect((await late).text).toBe(behind(2));
    for (const after of [0, 1, 3]) {
      expect(await (await send({ key, after, body: { stream: true } })).text()).toBe(behind(after));
    }
    expect(await (await send({ key, after: 4, body: { stream: true } })).text()).toBe("");
  });

  test("that is no number, or larger than what was sent, is refused", async () => {
    const key = newKey();
    await (await send({ key, body: { stream: true } })).text();
    for (const after of ["x", "-1", "1.5", "9".repeat(40), 5, 999_999]) {
      expect(await errorOf(send({ key, after, body: { stream: true } })))
        .toEqual([400, "invalid_request"]);
    }
  });

  test("with a key that is not known never runs the request", async () => {
    expect(await errorOf(send({ key: newKey(), after: 3, body: { stream: true } })))
      .toEqual([410, "replay_gone"]);
    expect(ran).toBe(0);
  });
});

describe("a key that is revoked", () => {
  test("ends what it reads of another key's call, which goes on", async () => {
    const { key: { id }, token } = await app.key(owner);
    const begun = held();
    const key = newKey();
    const first = reading(send({ key, body: { stream: true } }));
    const sink = await begun;
    sink.data(text("a"));
    const second = await reading(send({ key, token, body: { stream: true } }));
    await app.parts.keys.revoke(owner.id, id);
    await app.clock.pass(0);
    await Bun.sleep(0);
    expect(second.text).toContain("key_revoked");
    sink.data(text("b"));
    sink.finish();
    await app.clock.pass(0);
    await Bun.sleep(0);
    expect((await first).text).toContain("<b>");
    expect(second.text).not.toContain("<b>");
  });

  test("does not stand in the way of the same request with the key that takes its place", async () => {
    const { key: { id }, token } = await app.key(owner);
    const begun = held();
    const key = newKey();
    const first = send({ key, token });
    await begun;
    await app.parts.keys.revoke(owner.id, id);
    // As the gateway does where it joins its parts.
    app.parts.calls.stopKeys(new Set([id]));
    expect(await errorOf(first)).toEqual([401, "key_revoked"]);
    await app.clock.pass(2_000);
    script = answered;
    expect((await send({ key })).status).toBe(200);
  });
});

describe("a call whose caller left", () => {
  test("goes on for 30 seconds, and then is cancelled and never run again silently", async () => {
    const begun = held();
    const key = newKey();
    const first = await reading((async () => {
      const response = send({ key, body: { stream: true } });
      (await begun).data(text("a"));
      return response;
    })());
    const sink = await begun;
    first.leave();
    await app.clock.pass(29_000);
    sink.data(text("b"));
    const second = await reading(send({ key, after: 1, body: { stream: true } }));
    await Bun.sleep(0);
    expect(second.text).toContain("<b>");
    second.leave();
    await app.clock.pass(29_000);
    expect(app.parts.calls.size).toBe(1);
    await app.clock.pass(2_000);
    expect(app.parts.calls.size).toBe(0);
    script = answered;
    const [status, code] = await errorOf(send({ key, body: { stream: true } }));
    expect([status, code, ran]).toEqual([410, "replay_gone", 1]);
  });

  test("goes on for as long as its caller asks for, at most 300 s, or not at all", async () => {
    for (const [seconds, isRunning] of [["300", true], ["0", false]] as const) {
      const begun = held();
      const caller = new AbortController();
      const headers = { "x-colink-resume-seconds": seconds };
      const response = send({
        key: newKey(),
        body: { stream: true },
        headers,
        signal: caller.signal,
      });
      (await begun).data(text("a"));
      await response;
      caller.abort();
      await app.clock.pass(100_000);
      expect(app.parts.calls.size > 0).toBe(isRunning);
      await app.clock.pass(300_000);
      expect(app.parts.calls.size).toBe(0);
    }
    for (const seconds of ["301", "-1", "x", ""]) {
      const headers = { "x-colink-resume-seconds": seconds };
      expect(await errorOf(send({ key: newKey(), headers }))).toEqual([400, "invalid_request"]);
    }
  });

  test("without a key is cancelled at once, as ever", async () => {
    const begun = held();
    const caller = new AbortController();
    const response = send({ body: { stream: true }, signal: caller.signal });
    (await begun).data(text("a"));
    await response;
    caller.abort();
    await app.clock.pass(2_000);
    expect(app.parts.calls.size).toBe(0);
  });
});

async function waitFor(isTrue: () => Promise<boolean>): Promise<void> {
  while (!await isTrue()) {
    await app.clock.pass(100);
    await Bun.sleep(1);
  }
}
