/** Calls through the app's own routes: keys, limits, bodies, and when a call is stopped. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { ErrorView } from "../../api/mod.ts";
import { newToken } from "../account/tokens.ts";
import type { AttemptSink } from "../node/attempt.ts";
import { endpoints } from "./endpoints.ts";
import { allFacts } from "../node/model_facts.ts";
import { type Script, type TestAccount, TestApp } from "./testing/test_app.ts";

let app: TestApp;
let owner: TestAccount;
/** How the node answers. */
let script: Script;
const answerOk: Script = (sink, { stream }) => {
  sink.head({});
  sink.data(stream ? "data: {}\n\n" : "{}");
  sink.finish();
};

beforeAll(async () => {
  app = await TestApp.start({
    COLINK_DEADLINE_SECONDS: "60",
    COLINK_DEFAULT_RPM: "1000",
    // Without white space, the status stays open until the deadline.
    COLINK_WHOLE_KEEPALIVE_SECONDS: "600",
  });
  owner = await app.account("owner@example.org");
  const facts = new Map([["m", allFacts({ endpoints: endpoints.map(({ path }) => path) })]]);
  app.join(owner, { name: "n", maxParallel: 100, facts }, (sink, order) => script(sink, order));
});
afterAll(() => app.stop());
beforeEach(() => {
  script = answerOk;
  app.isDraining = false;
  app.timeouts.length = 0;
});

const hello = { model: "m", messages: [{ role: "user", content: "hi" }] };

function call(token = owner.api_token, more: object = {}, headers: Record<string, string> = {}) {
  return app.ask<ErrorView>("POST /v1/chat/completions", {
    token,
    headers,
    body: { ...hello, ...more },
  });
}

/** Resolves when the node has the next call, which it does not answer. */
function begins(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  script = () => resolve();
  return promise;
}

describe("a budget", () => {
  let admin: TestAccount;
  let caller: TestAccount;
  beforeAll(async () => {
    admin = await app.account("admin@example.org", "admin");
    caller = await app.account("budget@example.org");
  });
  const set = (budget: object | null) =>
    app.ask<ErrorView>(`PATCH /api/admin/users/${caller.id}`, {
      token: admin.session,
      body: { budget },
    });

  test("of calls at a time refuses the next one until one ends, and costs another account nothing", async () => {
    expect((await set({ calls_at_once: 1 })).status).toBe(200);
    const { promise: hasBegun, resolve: begin } = Promise.withResolvers<AttemptSink>();
    script = (sink) => begin(sink);
    const first = call(caller.api_token);
    const sink = await hasBegun;
    script = answerOk;
    const refused = await call(caller.api_token);
    expect([refused.status, refused.json.error.code]).toEqual([429, "budget_exceeded"]);
    expect(refused.json.error.message).toContain("calls_at_once of this account, 1");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect((await call()).status).toBe(200);
    sink.head({});
    sink.data("{}");
    sink.finish();
    expect((await first).status).toBe(200);
    expect((await call(caller.api_token)).status).toBe(200);
  });

  test("of tokens shows what is left, and lifting it takes it away", async () => {
    await set({ tokens_per_day: 500, tokens_per_minute: 300 });
    const { headers } = await call(caller.api_token);
    expect(headers.get("x-ratelimit-limit-tokens")).toBe("300");
    expect(headers.get("x-ratelimit-remaining-tokens")).toBe("300");
    expect(headers.get("x-ratelimit-reset-tokens")).toMatch(/^\d+m?s$|^1m0s$/);
    await set(null);
    expect((await call(caller.api_token)).headers.has("x-ratelimit-limit-tokens")).toBe(false);
  });

  test("below one request is refused where it is set", async () => {
    for (const budget of [{ calls_at_once: 0 }, { tokens_per_day: 0.5 }, { tokens_per_day: -1 }]) {
      expect((await set(budget)).status).toBe(400);
    }
  });

  test("of a group leaves its members the models that it names, alone", async () => {
    const asked = <T>(route: string, body: object) =>
      app.ask<T>(route, { token: admin.session, body });
    const { json } = await asked<{ group: { id: string } }>("POST /api/admin/groups", {
      name: "G",
    });
    const route = `PATCH /api/admin/groups/${json.group.id}`;
    await asked(route, { add: [caller.id], budget: { models: ["other"], requests_per_minute: 1 } });
    const refused = await call(caller.api_token);
    expect([refused.status, refused.json.error.code]).toEqual([403, "model_not_allowed"]);
    const list = await app.ask<{ data: object[] }>("GET /v1/models", { token: caller.api_token });
    expect(list.json.data).toEqual([]);
    expect((await call()).status).toBe(200);
    await asked(route, { budget: { models: ["m"], requests_per_minute: 1 } });
    const { headers } = await call(caller.api_token);
    expect(headers.get("x-ratelimit-remaining-requests")).toBe("0");
    const next = await call(caller.api_token);
    expect([next.status, next.json.error.code]).toEqual([429, "budget_exceeded"]);
    await asked(`DELETE /api/admin/groups/${json.group.id}`, {});
  });

  test("of max_tokens binds calls that write tokens, and no others", async () => {
    await set({ max_tokens: 10 });
    const asked = async (more: object) => (await call(caller.api_token, more)).status;
    expect(await asked({ max_tokens: 10 })).toBe(200);
    expect(await asked({ max_completion_tokens: 11 })).toBe(400);
    expect(await asked({})).toBe(400);
    // Some providers take it as no limit, or obey the other member.
    expect(await asked({ max_tokens: -1 })).toBe(400);
    expect(await asked({ max_completion_tokens: 1, max_tokens: -1 })).toBe(400);
    expect(await asked({ max_completion_tokens: 1, max_tokens: "1000" })).toBe(400);
    expect(await asked({ max_completion_tokens: 1, max_tokens: null })).toBe(200);
    // A limit of another endpoint's: no provider obeys it here.
    expect(await asked({ max_output_tokens: 10 })).toBe(400);
    const responses = (more: object) =>
      app.ask<{ error: { param: string } }>("POST /v1/responses", {
        token: caller.api_token,
        body: { model: "m", input: "hi", ...more },
      });
    const refused = await responses({ max_tokens: 10 });
    expect([refused.status, refused.json.error.param]).toEqual([400, "max_output_tokens"]);
    expect((await responses({ max_output_tokens: 10 })).status).toBe(200);
    const defaults = async (max_tokens: number | null) => {
      const settings = max_tokens === null ? {} : { defaults: { max_tokens } };
      const put = { token: admin.session, body: { name: "m", ...settings } };
      expect((await app.ask("PUT /api/admin/models", put)).status).toBe(200);
    };
    // What the gateway sends where the caller says nothing counts as if it did.
    await defaults(10);
    expect(await asked({})).toBe(200);
    expect(await asked({ max_tokens: -1 })).toBe(400);
    await defaults(11);
    expect(await asked({})).toBe(400);
    await defaults(null);
    const { status } = await app.ask("POST /v1/embeddings", {
      token: caller.api_token,
      body: { model: "m", input: "hi" },
    });
    expect(status).toBe(200);
    await set(null);
  });
});

describe("a call", () => {
  test("names its request and its node in headers", async () => {
    const { status, headers } = await call();
    expect(status).toBe(200);
    expect(headers.get("x-request-id")).toMatch(/^req-/);
    expect(headers.get("x-colink-node")).toBe("node_n");
  });

  test("at Anthropic's endpoint has that id in its SDK's header, too", async () => {
    const { headers } = await app.ask("POST /v1/messages", {
      token: owner.api_token,
      body: { ...hello, max_tokens: 1 },
    });
    expect(headers.get("request-id")).toBe(headers.get("x-request-id"));
  });

  test("is stopped when its caller leaves", async () => {
    const leave = new AbortController();
    script = () => leave.abort();
    const answer = await app.send("POST /v1/chat/completions", {
      token: owner.api_token,
      body: hello,
    }, leave.signal);
    expect((await answer.json() as ErrorView).error.code).toBe("caller_gone");
  });

  test("of a caller who has left already is stopped at once", async () => {
    const answer = await app.send("POST /v1/chat/completions", {
      token: owner.api_token,
      body: hello,
    }, AbortSignal.abort());
    expect((await answer.json() as ErrorView).error.code).toBe("caller_gone");
  });

  test("is stopped at its deadline", async () => {
    const begun = begins();
    const answer = call();
    await begun;
    await app.clock.pass(60_000);
    expect((await answer).json.error.code).toBe("deadline_exceeded");
  });

  test("is stopped when its SDK no longer waits", async () => {
    const begun = begins();
    const answer = call(undefined, {}, { "x-stainless-timeout": "2" });
    await begun;
    await app.clock.pass(2_000);
    expect((await answer).json.error.code).toBe("deadline_exceeded");
  });

  test("whose stream has begun in time may take longer than its SDK waits for one", async () => {
    const begun = Promise.withResolvers<AttemptSink>();
    script = (sink) => {
      sink.head({});
      sink.data("data: {}\n\n");
      begun.resolve(sink);
    };
    const answer = call(undefined, { stream: true }, { "x-stainless-timeout": "2" });
    const sink = await begun.promise;
    await app.clock.pass(5_000);
    sink.finish();
    expect((await answer).text).toEndWith("data: [DONE]\n\n");
  });

  test("leaves no timer behind", async () => {
    await call();
    const before = app.clock.pending;
    await call(undefined, {}, { "x-stainless-timeout": "2" });
    await Bun.sleep(0);
    expect(app.clock.pending).toBe(before);
  });

  test("has no idle timeout while it runs, and one for its connection afterwards", async () => {
    await call();
    expect(app.timeouts).toEqual([0, app.parts.config.callerIdleMs / 1000]);
  });
});

describe("no call is made", () => {
  test("without a key, or with one that is none", async () => {
    expect((await call("")).json.error.code).toBe("missing_api_key");
    expect((await call("sk-colink-none")).json.error.code).toBe("invalid_api_key");
  });

  test("of a key that is revoked while the call's body arrives", async () => {
    const { key, token } = await app.key(owner);
    let send = () => {};
    const body = new ReadableStream({
      start(controller) {
        send = () => {
          controller.enqueue(new TextEncoder().encode(JSON.stringify(hello)));
          controller.close();
        };
      },
    });
    await call(token);
    const answer = app.send("POST /v1/chat/completions", { token, body });
    await app.parts.keys.revoke(owner.id, key.id);
    send();
    expect((await (await answer).json() as ErrorView).error.code).toBe("key_revoked");
  });

  test("while the gateway drains", async () => {
    app.isDraining = true;
    const { status, headers, json } = await call();
    expect([status, json.error.code]).toEqual([503, "shutting_down"]);
    expect(headers.get("retry-after-ms")).toBe("1000");
  });

  test("of a model that the key may not use", async () => {
    const { token } = await app.key(owner, { models: ["another"] });
    const { status, json } = await call(token);
    expect([status, json.error.code]).toEqual([403, "model_not_allowed"]);
  });
});

describe("the limit headers", () => {
  const limits = (headers: Headers) =>
    ["limit", "remaining", "reset"].map((name) => headers.get(`x-ratelimit-${name}-requests`));

  test("are the account's where its keys have none of their own", async () => {
    const other = await app.account("limits@example.org");
    expect(limits((await call(other.api_token)).headers)).toEqual(["1000", "999", "1m0s"]);
  });

  test("are those of the key where it has less left, and then it is refused", async () => {
    const { token } = await app.key(owner, { rpm: 1 });
    const first = await call(token);
    expect(limits(first.headers).slice(0, 2)).toEqual(["1", "0"]);
    const second = await call(token);
    expect([second.status, second.json.error.code]).toEqual([429, "rate_limit_exceeded"]);
    expect(second.json.error.message).toContain("this key's limit of 1 calls");
    expect(second.headers.get("x-ratelimit-reset-requests")).toBe("1m0s");
    expect(second.headers.get("retry-after")).toBe("60");
  });

  test("are those of the account where it has less left than the key", async () => {
    const { token } = await app.key(owner, { rpm: 5000 });
    expect(limits((await call(token)).headers)[0]).toBe("1000");
  });

  test("of a call that its key refuses show nothing taken from the account", async () => {
    const account = await app.account("untouched@example.org");
    const { token } = await app.key(account, { rpm: 1 });
    await call(token);
    await call(token);
    expect(limits((await call(account.api_token)).headers)[1]).toBe("998");
  });

  test("of counting tokens are its own: it takes no call from the key's or the account's", async () => {
    const account = await app.account("counting@example.org");
    const { token } = await app.key(account, { rpm: 1 });
    const count = () =>
      app.ask<ErrorView>("POST /v1/messages/count_tokens", { token, body: hello });
    expect([(await count()).status, (await count()).status]).toEqual([200, 429]);
    expect(limits((await call(token)).headers).slice(0, 2)).toEqual(["1", "0"]);
    expect(limits((await call(account.api_token)).headers)[1]).toBe("998");
  });

  test("of a blocked key say whom to ask", async () => {
    const { token } = await app.key(owner, { rpm: 0 });
    const { status, json } = await call(token);
    expect([status, json.error.code]).toEqual([403, "key_blocked"]);
    expect(json.error.message).toContain("ask its owner");
  });
});

describe("a request that is refused", () => {
  let strict: TestApp;
  let caller: TestAccount;
  beforeAll(async () => {
    strict = await TestApp.start({ COLINK_REFUSED_PER_MINUTE: "5", COLINK_DEFAULT_RPM: "3" });
    caller = await strict.account("caller@example.org");
    strict.join(caller, { name: "n" }, answerOk);
  });
  afterAll(() => strict.stop());

  const ask = async (token: string, model: string) => {
    const body = { ...hello, model };
    const { status, json } = await strict.ask<ErrorView>("POST /v1/chat/completions", {
      token,
      body,
    });
    return `${status} ${json.error?.code ?? ""}`.trim();
  };

  test("for its model takes no call of its key, until its network has been refused too often", async () => {
    for (let i = 0; i < 4; i++) {
      expect(await ask(caller.api_token, `unknown-${i}`)).toBe("404 model_not_found");
    }
    expect(await ask(caller.api_token, "x".repeat(300))).toBe("404 model_not_found");
    expect(await ask(caller.api_token, "m")).toBe("200");
    // The network's minute is used up: from now on such a call costs one.
    expect(await ask(caller.api_token, "unknown")).toBe("404 model_not_found");
    expect(await ask(caller.api_token, "unknown")).toBe("404 model_not_found");
    expect(await ask(caller.api_token, "unknown")).toBe("429 rate_limit_exceeded");
    await strict.clock.pass(60_000);
  });

  test("for a model that is looked for takes a call of its key, too, once its network has been refused too often", async () => {
    await strict.clock.pass(60_000);
    const look = async () => {
      const { status } = await strict.ask("GET /v1/models/none", { token: caller.api_token });
      return status;
    };
    for (let i = 0; i < 5 + 3; i++) expect(await look()).toBe(404);
    expect(await look()).toBe(429);
    const { status } = await strict.ask("GET /v1/models/m", { token: caller.api_token });
    expect(status).toBe(200);
    await strict.clock.pass(60_000);
  });

  test("for its key is not even looked up once its network has been refused too often", async () => {
    let lookUps = 0;
    const { keys } = strict.parts.store;
    const byDigest = keys.byDigest.bind(keys);
    keys.byDigest = (digest) => {
      lookUps++;
      return byDigest(digest);
    };
    for (let i = 0; i < 5; i++) expect(await ask(newToken("api"), "m")).toBe("401 invalid_api_key");
    expect(await ask(newToken("api"), "m")).toBe("429 rate_limit_exceeded");
    expect(lookUps).toBe(5);
    const models = await strict.ask<ErrorView>("GET /v1/models", { token: newToken("api") });
    expect([models.status, lookUps]).toEqual([429, 5]);
    // So are lists of models, and those without a key.
    await strict.clock.pass(60_000);
    for (let i = 0; i < 4; i++) {
      const { status } = await strict.ask("GET /v1/models", { token: newToken("api") });
      expect(status).toBe(401);
    }
    expect((await strict.ask("GET /v1/models")).status).toBe(401);
    lookUps = 0;
    for (const path of ["/v1/models", "/v1/models/m"]) {
      const { status } = await strict.ask(`GET ${path}`, { token: newToken("api") });
      expect([status, lookUps]).toEqual([429, 0]);
    }
    lookUps = 5;
    // A key in use goes on, also when it must be looked up again.
    expect(await ask(caller.api_token, "m")).toBe("200");
    expect(lookUps).toBe(6);
  });
});
