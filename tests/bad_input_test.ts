/** Invalid requests get clear errors in OpenAI's format, and harm no other call. */

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { SignJWT, UnsecuredJWT } from "jose";
import type { ErrorView } from "../api/mod.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { type Answer, ask, chat, hello } from "./harness/api.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { ledgerOf } from "./harness/ledger.ts";
import { connectRawNode, type RawNode } from "./harness/raw_node.ts";
import { until } from "./harness/wait.ts";

const MIB = 1024 * 1024;

let gateway: Gateway;
let account: Account;
let node: RawNode;

beforeAll(async () => {
  gateway = await startGateway();
  account = await createAccount(gateway);
  node = await connectRawNode({
    gateway,
    token: account.clientToken,
    register: { max_parallel: 4, models: ["pro-model"] },
  });
  const gone = await connectRawNode({
    gateway,
    token: account.clientToken,
    register: { max_parallel: 1, models: ["sleepy-model"] },
  });
  await served("sleepy-model");
  await gone.close();
}, 180_000);

/** After each invalid request, a valid call on the same gateway and node still works. */
afterEach(async () => {
  const answer = chat<{ choices: unknown[] }>(gateway, account.apiToken, hello("pro-model"));
  const call = await node.next("CALL");
  node.answer(call.data.request_id, [{
    choices: [{ index: 0, message: { content: "still here" } }],
  }]);
  expect((await answer).text).toContain("still here");
});

describe("a body that is wrong", () => {
  const cases: [what: string, body: string, status: number, code: string, param: string | null][] =
    [
      ["is not JSON", "{nonsense", 400, "invalid_json", null],
      ["is empty", "", 400, "invalid_json", null],
      ["is a list", "[]", 400, "invalid_json", null],
      [
        "has no model",
        `{"messages":[{"role":"user","content":"x"}]}`,
        400,
        "invalid_request",
        "model",
      ],
      [
        "has a model that is no text",
        `{"model":7,"messages":[{}]}`,
        400,
        "invalid_request",
        "model",
      ],
      [
        "names a second model in other letters",
        body({ Model: "hidden" }),
        400,
        "invalid_request",
        "model",
      ],
      [
        "asks for a stream in other letters",
        body({ "\u017ftream": true }),
        400,
        "invalid_request",
        "stream",
      ],
      ["has a stream that is no flag", body({ stream: "yes" }), 400, "invalid_request", "stream"],
      ["has no messages", `{"model":"pro-model"}`, 400, "invalid_request", "messages"],
      [
        "has no message in its messages",
        body({ messages: [] }),
        400,
        "invalid_request",
        "messages",
      ],
      [
        "has messages that are no list",
        body({ messages: "hi" }),
        400,
        "invalid_request",
        "messages",
      ],
      [
        "has stream_options that are no object",
        body({ stream: true, stream_options: 1 }),
        400,
        "invalid_request",
        "stream_options",
      ],
      [
        "is shaped for /v1/responses",
        `{"model":"pro-model","input":"hi"}`,
        400,
        "invalid_request",
        "messages",
      ],
      ["names an unknown model", body({ model: "pro-modle" }), 404, "model_not_found", "model"],
      [
        "names a model whose nodes are all offline",
        body({ model: "sleepy-model" }),
        503,
        "no_node_online",
        null,
      ],
      [
        "nests 10,000 deep",
        body({}).replace("}", `,"x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`),
        400,
        "body_too_deep",
        null,
      ],
    ];
  for (const [what, text, status, code, param] of cases) {
    test(`that ${what} is refused with ${status} ${code}`, async () => {
      const answer = await chat(gateway, account.apiToken, text);
      expect(answer.status).toBe(status);
      expectShape(answer);
      expect(answer.json.error).toMatchObject({ code, param });
    });
  }

  test("that misspells a model gets the similar name", async () => {
    const answer = await chat(gateway, account.apiToken, hello("pro-modle"));
    expect(answer.json.error.message).toContain(`"pro-model"`);
    expect(answer.headers.get("x-should-retry")).toBeNull();
  });

  test("that names a model with too long a name is neither repeated nor stored", async () => {
    const model = "m".repeat(201);
    const answer = await chat(gateway, account.apiToken, hello(model));
    expect(answer.status).toBe(404);
    expectShape(answer);
    expect(answer.json.error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(answer.text).not.toContain(model);
    expect(gateway.log.join()).not.toContain(model);
    expect(ledgerOf(gateway, model)).toEqual([]);
  });

  test("that names a model without a node online says when to retry", async () => {
    const answer = await chat(gateway, account.apiToken, hello("sleepy-model"));
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer.headers.get("x-should-retry")).toBe("true");
  });

  test("of 11 MiB is refused with 413", async () => {
    const answer = await chat(gateway, account.apiToken, body({ filler: "x".repeat(11 * MIB) }));
    expect(answer.status).toBe(413);
    expectShape(answer);
    expect(answer.json.error).toMatchObject({ code: "body_too_large" });
  });

  test("of 11 MiB in chunks is refused with 413", async () => {
    let left = 11;
    const chunks = new ReadableStream({
      pull(controller) {
        if (left-- > 0) controller.enqueue(new Uint8Array(MIB).fill(0x20));
        else controller.close();
      },
    });
    const answer = await chat(gateway, account.apiToken, "", { body: chunks });
    expect(answer.status).toBe(413);
    expectShape(answer);
  });

  test("of 9 MiB is not refused for its size", async () => {
    const answer = await chat(
      gateway,
      account.apiToken,
      body({ model: "nobody", filler: "x".repeat(9 * MIB) }),
    );
    expect(answer.status).toBe(404);
  });

  test("that unpacks to 11 MiB is refused with 413", async () => {
    const packed = Bun.gzipSync(Buffer.from(body({ filler: "x".repeat(11 * MIB) })));
    const answer = await chat(gateway, account.apiToken, "", {
      body: packed,
      headers: { "content-encoding": "gzip" },
    });
    expect(answer.status).toBe(413);
  });

  test("in an unknown encoding is refused with 415", async () => {
    const answer = await chat(gateway, account.apiToken, "x", {
      headers: { "content-encoding": "br" },
    });
    expect(answer.status).toBe(415);
    expectShape(answer);
  });

  test("that names __proto__ is an ordinary body", async () => {
    const answer = await chat(
      gateway,
      account.apiToken,
      `{"__proto__":{"model":"pro-model"},"messages":[{}]}`,
    );
    expect(answer.json.error).toMatchObject({ code: "invalid_request", param: "model" });
  });
});

describe("a credential that is wrong", () => {
  const tokens: [what: string, token: () => string | undefined, code: string][] = [
    ["missing", () => undefined, "missing_api_key"],
    ["malformed", () => "nonsense", "invalid_api_key"],
    ["another provider's", () => "sk-proj-abcdefghijklmnopqrstuvwxyz", "invalid_api_key"],
    ["well-formed but unknown", () => withAnotherEnd(account.apiToken), "invalid_api_key"],
    ["a Client-Token used as a key", () => account.clientToken, "wrong_token_kind"],
    ["a session used as a key", () => account.jwt, "invalid_api_key"],
    ["a quote", () => `sk-colink-' OR '1'='1`.replaceAll(" ", "/**/"), "invalid_api_key"],
  ];
  for (const [what, token, code] of tokens) {
    for (const path of ["/v1/models", "/v1/models/pro-model"]) {
      test(`${what} is refused on ${path} with 401 ${code}`, async () => {
        const given = token();
        const answer = await ask(gateway.url + path, given === undefined ? {} : { token: given });
        expect(answer.status).toBe(401);
        expectShape(answer);
        expect(answer.json.error.code).toBe(code);
      });
    }
    test(`${what} is refused for a call with 401 ${code}`, async () => {
      const answer = await chat(gateway, token(), hello("pro-model"));
      expect(answer.status).toBe(401);
      expect(answer.json.error.code).toBe(code);
    });
  }

  test("another provider's key is recognised", async () => {
    const answer = await chat(gateway, "sk-proj-abcdefghijklmnopqrstuvwxyz", hello("pro-model"));
    expect(answer.json.error.message).toContain("sk-colink-");
  });

  test("a rotated key is refused at once, its successor works", async () => {
    const owner = await createAccount(gateway);
    const rotated = await ask<{ user: { api_token: string } }>(
      `${gateway.url}/api/user/tokens/rotate`,
      {
        method: "POST",
        token: owner.jwt,
        headers: { "content-type": "application/json" },
        body: `{"kind":"api"}`,
      },
    );
    expect(rotated.status).toBe(200);
    const old = await ask(`${gateway.url}/v1/models`, { token: owner.apiToken });
    expect(old.status).toBe(401);
    expect((await ask(`${gateway.url}/v1/models`, { token: rotated.json.user.api_token })).status)
      .toBe(200);
  });

  test("an API key as Client-Token opens no socket, and neither does none or a made-up one", async () => {
    for (const token of [account.apiToken, undefined, "", "client-nonsense", account.jwt]) {
      const answer = await ask(`${gateway.url}/ws`, {
        headers: {
          ...(token === undefined ? {} : { "client-token": token }),
          connection: "upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
      });
      expect(answer.status).toBe(401);
      expectShape(answer);
    }
  });

  test("a browser cannot be a node, whatever token it was given", async () => {
    const answer = await ask(`${gateway.url}/ws`, {
      headers: {
        "client-token": account.clientToken,
        origin: "https://evil.example",
        upgrade: "websocket",
      },
    });
    expect(answer.status).toBe(403);
  });

  test("a valid Client-Token without an upgrade gets 426", async () => {
    const answer = await ask(`${gateway.url}/ws`, {
      headers: { "client-token": account.clientToken },
    });
    expect(answer.status).toBe(426);
  });
});

describe("a session that is wrong", () => {
  const claims = () => ({ sub: account.user.id });
  const forged: [what: string, token: () => Promise<string> | string][] = [
    ["missing", () => ""],
    ["an API key", () => account.apiToken],
    ["of alg none", () => new UnsecuredJWT(claims()).setExpirationTime("1h").encode()],
    [
      "signed with another secret",
      () => signed("HS256", "another secret that is long enough for it"),
    ],
    [
      "of another algorithm",
      () => signed("HS512", "another secret that is long enough for it, and then some more of it"),
    ],
    ["with a changed payload", () => tampered(account.jwt)],
  ];
  for (const [what, token] of forged) {
    test(`${what} is refused with 401`, async () => {
      const given = await token();
      const answer = await ask(`${gateway.url}/api/user/me`, given === "" ? {} : { token: given });
      expect(answer.status).toBe(401);
      expectShape(answer);
    });
  }

  test("as a cookie changes nothing without the header that only this site can send", async () => {
    const init = {
      method: "POST",
      body: `{"kind":"api"}`,
      headers: { "content-type": "application/json", cookie: `colink_session=${account.jwt}` },
    };
    const answer = await ask(`${gateway.url}/api/user/tokens/rotate`, init);
    expect(answer.status).toBe(403);
    expect((await ask(`${gateway.url}/v1/models`, { token: account.apiToken })).status).toBe(200);
  });

  function signed(alg: string, secret: string): Promise<string> {
    return new SignJWT(claims()).setProtectedHeader({ alg }).setExpirationTime("1h")
      .sign(new TextEncoder().encode(secret));
  }

  function tampered(jwt: string): string {
    const [head, , signature] = jwt.split(".");
    const payload = Buffer.from(JSON.stringify({ sub: "somebody-else", exp: 9e9 })).toString(
      "base64url",
    );
    return [head, payload, signature].join(".");
  }
});

describe("a registration that is wrong", () => {
  const cases: [what: string, body: unknown, status: number, code: string][] = [
    ["without e-mail", { password: "long enough" }, 400, "invalid_request"],
    [
      "with an e-mail that is none",
      { email: "nobody", password: "long enough" },
      400,
      "invalid_request",
    ],
    [
      "with a password of 7 bytes",
      { email: "a@example.com", password: "1234567" },
      400,
      "weak_password",
    ],
    [
      "with a password of 73 bytes",
      { email: "a@example.com", password: "ü".repeat(36) + "x" },
      400,
      "weak_password",
    ],
    ["that is not JSON", "nonsense", 400, "invalid_json"],
    [
      "with an e-mail that is a statement",
      { email: `'; drop table accounts; --`, password: "long enough" },
      400,
      "invalid_request",
    ],
  ];
  for (const [what, given, status, code] of cases) {
    test(`${what} is refused with ${status} ${code}`, async () => {
      const answer = await register(given);
      expect(answer.status).toBe(status);
      expectShape(answer);
      expect(answer.json.error.code).toBe(code);
    });
  }

  test("with an e-mail that is taken, in any case, is refused and the first account stays", async () => {
    const answer = await register({ email: account.email.toUpperCase(), password: "another one" });
    expect(answer.status).toBe(400);
    expect(answer.json.error.code).toBe("email_taken");
    const again = await ask(`${gateway.url}/api/user/me`, { token: account.jwt });
    expect(again.status).toBe(200);
  });

  test("an unknown e-mail and a wrong password get the same answer", async () => {
    const login = (email: string) => post("/api/auth/login", { email, password: "wrong password" });
    const [known, unknown] = [await login(account.email), await login("nobody@example.com")];
    expect(known.status).toBe(401);
    expect(unknown.status).toBe(401);
    expect(unknown.json).toEqual(known.json);
  });

  function register(given: unknown) {
    return post("/api/auth/register", given);
  }
});

describe("a path that does not exist", () => {
  for (
    const path of ["/v1/nonsense", "/v1", "/v1/", "/v1/chat", "/api/nonsense", "/api", "/api/user"]
  ) {
    test(`GET ${path} answers a JSON 404`, async () => {
      const answer = await ask(gateway.url + path, { token: account.apiToken });
      expect(answer.status).toBe(404);
      expectShape(answer);
    });
  }

  test("a wrong method answers 405 in the same format", async () => {
    const answer = await ask(`${gateway.url}/v1/chat/completions`, { token: account.apiToken });
    expect(answer.status).toBe(405);
    expectShape(answer);
  });

  test("an unknown model's own path answers 404", async () => {
    const answer = await ask(`${gateway.url}/v1/models/none/such`, { token: account.apiToken });
    expect(answer.status).toBe(404);
    expect(answer.json.error).toMatchObject({ code: "model_not_found", param: "model" });
  });
});

/** Differs from the token whatever that ends with. */
function withAnotherEnd(token: string): string {
  return token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
}

function body(more: Record<string, unknown>): string {
  return JSON.stringify(hello("pro-model", more));
}

function post(path: string, given: unknown) {
  return ask(gateway.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof given === "string" ? given : JSON.stringify(given),
  });
}

/** Every error: JSON, all four members (forms also `fields`), a request id, no internals. */
function expectShape(answer: Answer<ErrorView>): void {
  expect(answer.headers.get("content-type")).toStartWith("application/json");
  const { fields, ...error } = answer.json.error;
  expect(Object.keys(error).toSorted()).toEqual(["code", "message", "param", "type"]);
  expect(fields === undefined || fields.length > 0).toBe(true);
  expect(error).toMatchObject({ message: expect.any(String), type: expect.any(String) });
  expect(error.param === null || typeof error.param === "string").toBe(true);
  expect(typeof error.code).toBe("string");
  expect(answer.headers.get("x-request-id")).toMatch(/^req-/);
  expect(answer.text).not.toMatch(/\n\s+at |node_modules|\/server\//);
}

async function served(model: string): Promise<void> {
  await until(`${model} is served`, async () => {
    const answer = await ask(`${gateway.url}/v1/models`, { token: account.apiToken });
    return answer.text.includes(model);
  });
}
