/** A gateway as operators run it: PostgreSQL, Redis, a secret of its own, and a node that speaks v1. */

import { expect, test } from "bun:test";
import { type Account, createAccount, signIn } from "./harness/account.ts";
import { createDatabase } from "./harness/database.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { listNodes } from "./harness/node.ts";
import { connectRawNode } from "./harness/raw_node.ts";
import { until } from "./harness/wait.ts";

const secret = "0123456789abcdef".repeat(4);

async function startDeployed(databaseUrl: string): Promise<Gateway> {
  const redisUrl = process.env.TEST_REDIS_URL;
  if (redisUrl === undefined) throw new Error("TEST_REDIS_URL is not set; use `bun run test FILE`");
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, JWT_SECRET: secret };
  return await startGateway({ env });
}

async function ask(gateway: Gateway, { apiToken }: Account): Promise<Response> {
  return await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
  });
}

test(
  "on PostgreSQL and Redis a call is served by a v1 node, and the account outlives the gateway",
  async () => {
    const databaseUrl = await createDatabase();
    const gateway = await startDeployed(databaseUrl);
    const account = await createAccount(gateway);
    const node = await connectRawNode({
      gateway,
      token: account.clientToken,
      register: { max_parallel: 1, models: ["m"] },
    });
    await until("the gateway lists it", async () => (await listNodes(gateway)).length === 1);

    const answering = node.next("CALL").then(({ data }) => {
      node.answer(data.request_id, [{
        id: "x",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices: [{ index: 0, message: { role: "assistant", content: "hello" } }],
      }]);
    });
    const response = await ask(gateway, account);
    await answering;
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      choices: [{ message: { content: "hello" } }],
    });
    expect(response.headers.get("x-ratelimit-limit-requests")).not.toBeNull();
    expect(await gateway.stop()).toBe(0);

    const next = await startDeployed(databaseUrl);
    const again = await signIn(next, account.email, account.password);
    expect(again.apiToken).toBe(account.apiToken);
    expect(again.user.total_api_calls).toBe(1);
    expect(again.user.total_provided_calls).toBe(1);
  },
  180_000,
);

test("with PostgreSQL and no secret the gateway refuses to start, with 2 and the reason", async () => {
  const databaseUrl = await createDatabase();
  await expect(startGateway({ env: { DATABASE_URL: databaseUrl } })).rejects.toThrow(
    /ended with exit code 2;[\s\S]*JWT_SECRET: required/,
  );
});
