/** A gateway whose PostgreSQL is behind pgbouncer in transaction mode, with nothing said about it. */

import { expect, test } from "bun:test";
import type { UserView } from "../../api/mod.ts";
import { createAccount } from "../harness/account.ts";
import { ask } from "../harness/api.ts";
import { createDatabase } from "../harness/database.ts";
import { startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { startPgbouncer } from "../harness/pgbouncer.ts";
import { until } from "../harness/wait.ts";

const secret = "0123456789abcdef".repeat(4);

for (
  const [what, ignores, parameters] of [
    ["refuses settings of a session", "", ""],
    ["drops them, and loses prepared statements", "statement_timeout", ""],
    ["is named in the URL", "", "?pgbouncer=true"],
  ] as const
) {
  test(`a pgbouncer that ${what} is used: accounts, calls and their ledger`, async () => {
    const url = await startPgbouncer(await createDatabase(), ignores) + parameters;
    const gateway = await startGateway({ env: { DATABASE_URL: url, JWT_SECRET: secret } });
    const accounts = await Promise.all([createAccount(gateway), createAccount(gateway)]);
    const [owner] = accounts;
    answerEveryCall(
      await joinNode({ gateway, owner: owner!, models: ["m"], maxParallel: 50 }),
    );
    const calls = accounts.flatMap(({ apiToken }) =>
      Array.from({ length: 15 }, async () => {
        const { status } = await fetch(`${gateway.url}/v1/chat/completions`, {
          method: "POST",
          headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
          body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
        });
        return status;
      })
    );
    expect(new Set(await Promise.all(calls))).toEqual(new Set([200]));
    await until("every call is counted", async () => {
      const { json: { user } } = await ask<{ user: UserView }>(`${gateway.url}/api/user/me`, {
        token: owner!.jwt,
      });
      return user.total_provided_calls === 30 && user.total_api_calls === 15;
    });
    const ready = await (await fetch(`${gateway.url}/readyz`)).json();
    expect(ready).toMatchObject({ status: "ok" });
    expect(gateway.log.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
}
