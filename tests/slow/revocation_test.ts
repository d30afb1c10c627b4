/** A token that was replaced, or whose account was shut, stops working within five seconds: everywhere, and in what already runs. */

import { beforeAll, describe, expect, test } from "bun:test";
import { type Account, createAccount, rotateToken } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { createDatabase } from "../harness/database.ts";
import { type Gateway, runGateway, startGateway } from "../harness/gateway.ts";
import { joinNode } from "../harness/joined_node.ts";
import { chatHead, dial } from "../harness/raw_http.ts";
import { connectRawNode } from "../harness/raw_node.ts";
import { until, within } from "../harness/wait.ts";

/** The product promises 5 s; a busy machine is given three times as long. */
const EVERYWHERE_MS = 15_000;

const REVOKED = 4001;

const settings = { DATABASE_URL: "", JWT_SECRET: "0123456789abcdef".repeat(4) };
/** Two gateways over one database: what is revoked on the first must end on both. */
let here: Gateway;
let elsewhere: Gateway;
/** Whose nodes serve where it does not matter: never revoked. */
let provider: Account;

beforeAll(async () => {
  settings.DATABASE_URL = await createDatabase();
  here = await startGateway({ env: settings });
  elsewhere = await startGateway({ env: settings });
  provider = await createAccount(here);
}, 180_000);

const places: [where: string, gateway: () => Gateway][] = [
  ["on the gateway that replaced it", () => here],
  ["on another gateway", () => elsewhere],
];

async function startStream(gateway: Gateway, caller: Account) {
  const model = `model-${crypto.randomUUID()}`;
  const node = await joinNode({ gateway, owner: provider, models: [model] });
  const answering = stream(gateway, caller.apiToken, hello(model));
  const callId = await node.called();
  node.say(callId, "one");
  const { events } = await answering;
  expect((await events.next()).value).toContain("one");
  return { node, callId, events, model };
}

async function expectCutOff(events: AsyncGenerator<string>): Promise<void> {
  const rest = await within("the stream's end", Array.fromAsync(events), EVERYWHERE_MS);
  expect(rest).toHaveLength(1);
  expect(JSON.parse(rest[0]!).error).toMatchObject({ code: "key_revoked" });
}

async function refusedToken(gateway: Gateway, token: string): Promise<void> {
  await until("the old key is refused", async () => {
    const { status, json } = await ask(`${gateway.url}/v1/models`, { token });
    return status === 401 && json.error.code === "key_revoked";
  }, EVERYWHERE_MS);
}

describe("an API token that was replaced", () => {
  for (const [where, gatewayThere] of places) {
    test(`ends its running stream ${where}, with an error and no [DONE], and stops the node`, async () => {
      const gateway = gatewayThere();
      const caller = await createAccount(here);
      const { node, callId, events } = await startStream(gateway, caller);
      const fresh = await rotateToken(here, caller, "api");
      await expectCutOff(events);
      const stop = await node.raw.next("ERROR");
      expect(stop.data.request_id).toBe(callId);
      await refusedToken(gateway, caller.apiToken);
      expect((await ask(`${gateway.url}/v1/models`, { token: fresh.apiToken })).status).toBe(200);
    });

    test(`ends its call that waits in line ${where}`, async () => {
      const gateway = gatewayThere();
      const caller = await createAccount(here);
      const { model } = await startStream(gateway, provider);
      const waiting = chat(gateway, caller.apiToken, hello(model));
      await until("the call waits in line", async () => {
        const metrics = await ask(`${gateway.url}/metrics`);
        return /^colink_calls_waiting 1$/m.test(metrics.text);
      });
      await rotateToken(here, caller, "api");
      const answer = await within("the call's end", waiting, EVERYWHERE_MS);
      expect(answer.status).toBe(401);
      expect(answer.json.error.code).toBe("key_revoked");
    });
  }

  test("starts no call whose body was still arriving", async () => {
    const caller = await createAccount(here);
    const { model } = await startStream(here, provider);
    const body = JSON.stringify(hello(model));
    const slow = await dial(here);
    slow.write(chatHead(caller.apiToken, body.length));
    await counted(caller);
    await rotateToken(here, caller, "api");
    slow.write(body);
    expect(await slow.answer()).toMatchObject({
      status: 401,
      json: { error: { code: "key_revoked" } },
    });
  });

  /** Resolves once a call of somebody's own, beside those made here, was let in: the limit tells. */
  async function counted({ apiToken }: Account): Promise<void> {
    let asked = 0;
    await until("the slow call was let in", async () => {
      const { headers } = await chat(here, apiToken, hello("no-such-model"));
      const limit = Number(headers.get("x-ratelimit-limit-requests"));
      return limit - Number(headers.get("x-ratelimit-remaining-requests")) > ++asked;
    });
  }

  test("affects neither the account's nodes nor other accounts' calls", async () => {
    const caller = await createAccount(here);
    const own = await joinNode({ gateway: here, owner: caller, models: ["own-model"] });
    const { node, callId, events } = await startStream(here, provider);
    await rotateToken(here, caller, "api");
    await refusedToken(here, caller.apiToken);
    expect(await own.view()).toBeDefined();
    node.say(callId, "two");
    node.finish(callId);
    const rest = await Array.fromAsync(events);
    expect(rest[0]).toContain("two");
    expect(rest.at(-1)).toBe("[DONE]");
  });
});

describe("a client token that was replaced", () => {
  for (const [where, gatewayThere] of places) {
    test(`closes its node's socket ${where} and opens none any more`, async () => {
      const gateway = gatewayThere();
      const owner = await createAccount(here);
      const { raw, view } = await joinNode({ gateway, owner, models: ["m"] });
      const fresh = await rotateToken(here, owner, "client");
      expect(await within("the socket's end", raw.closed, EVERYWHERE_MS)).toMatchObject({
        code: REVOKED,
      });
      await until("the node is gone", async () => await view() === undefined);
      await until("the old token is refused", async () => {
        const headers = { "client-token": owner.clientToken };
        const { status, json } = await ask(`${gateway.url}/ws`, { headers });
        return status === 401 && json.error.code === "key_revoked";
      }, EVERYWHERE_MS);
      const again = await connectRawNode({ gateway, token: fresh.clientToken });
      await again.close();
    });
  }

  test("ends a socket that has not registered yet", async () => {
    const owner = await createAccount(here);
    const raw = await connectRawNode({ gateway: here, token: owner.clientToken });
    await rotateToken(here, owner, "client");
    expect(await raw.closed).toMatchObject({ code: REVOKED });
  });

  test("ends the calls that its node serves, and no partial answer counts as complete", async () => {
    const owner = await createAccount(here);
    const model = `model-${crypto.randomUUID()}`;
    const node = await joinNode({ gateway: here, owner, models: [model] });
    const answering = stream(here, provider.apiToken, hello(model));
    node.say(await node.called(), "one");
    const { events } = await answering;
    await events.next();
    await rotateToken(here, owner, "client");
    const rest = await Array.fromAsync(events);
    expect(JSON.parse(rest[0]!).error.code).toBe("node_lost");
    expect(rest).not.toContain("[DONE]");
  });
});

describe("an account that was disabled", () => {
  for (const [where, gatewayThere] of places) {
    const name = where.replace("that replaced it", "it used last");
    test(`loses its stream, its node, its key and its session ${name}`, async () => {
      const gateway = gatewayThere();
      const account = await createAccount(here);
      const { raw } = await joinNode({ gateway, owner: account, models: ["m"] });
      const { events } = await startStream(gateway, account);
      const shut = ["admin", "shut", "--email", account.email];
      expect((await runGateway(shut, { env: settings })).code).toBe(0);
      await expectCutOff(events);
      expect(await within("the socket's end", raw.closed, EVERYWHERE_MS)).toMatchObject({
        code: REVOKED,
      });
      await until("the key is refused", async () => {
        const { status, json } = await ask(`${gateway.url}/v1/models`, { token: account.apiToken });
        return status === 403 && json.error.code === "key_blocked";
      }, EVERYWHERE_MS);
      const me = await ask(`${gateway.url}/api/user/me`, { token: account.jwt });
      expect(me.status).toBe(401);
    });
  }
});
