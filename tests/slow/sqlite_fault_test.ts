/** A full disk or a crash with SQLite: calls go on, the file stays intact, and written rows stay. */

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { freePort } from "../../scripts/free_port.ts";
import { createAccount, register, signIn } from "../harness/account.ts";
import { chat, hello } from "../harness/api.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { acknowledged, ledgerOf, spools } from "../harness/ledger.ts";
import { startNode } from "../harness/node.ts";
import { serveMany } from "../harness/served.ts";
import { hang, startUpstream } from "../harness/upstream.ts";
import { until } from "../harness/wait.ts";

test("with a full disk calls go on, requests that must store something get 503, and no call is lost once there is room", async () => {
  const first = await startGateway();
  const account = await createAccount(first);
  await first.stop();
  // The limit of a file's size, in blocks of 512 bytes, looks like a full disk to SQLite.
  const through = ["sh", "-c", `ulimit -S -f 250; exec "$@"`, "sh"];
  const { dataDir } = first;
  const gateway = await startGateway({ through, dataDir });
  answerEveryCall(await joinNode({ gateway, owner: account, models: ["m"], maxParallel: 100 }));
  const ids: string[] = [];
  await until("the disk is full", async () => {
    ids.push(...await serveMany(5, gateway, account));
    await acknowledged(gateway);
    return spools(gateway).length > 0;
  });
  const refused = await register(gateway, "new@example.com", "a good long password");
  expect(refused.status).toBe(503);
  expect(refused.json.error.code).toBe("store_unavailable");
  ids.push(...await serveMany(20, gateway, account));
  expect(await gateway.stop()).toBe(0);
  expect(integrity(gateway)).toBe("ok");

  const next = await startGateway({ dataDir });
  await until("every call is in the ledger", () => ledgerOf(next, "m").length >= ids.length);
  expect(ledgerOf(next, "m").map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  const { user } = await signIn(next, account.email, account.password);
  expect(user.total_api_calls).toBe(ids.length);
});

test("after a crash during calls SQLite is intact, written rows stay, and the node reconnects", async () => {
  const env = { PORT: String(freePort()) };
  const gateway = await startGateway({ env });
  const account = await createAccount(gateway);
  const upstream = startUpstream({ slow: hang() });
  const models = ["quick", "slow"].map((local) => ({ local, server_mapping: local }));
  await startNode({
    gateway,
    clientToken: account.clientToken,
    maxParallel: 20,
    providers: [{ type: "openai", api_key: "sk-upstream", base_url: upstream.url, models }],
  });
  const quick = () => chat(gateway, account.apiToken, hello("quick"));
  for (let i = 0; i < 5; i++) expect((await quick()).status).toBe(200);
  const written = await until("some calls are written", () => {
    const rows = ledgerOf(gateway, "quick");
    return rows.length > 0 && rows;
  });
  const cutOff = Promise.allSettled(
    Array.from({ length: 3 }, () => chat(gateway, account.apiToken, hello("slow"))),
  );
  const others = Promise.allSettled(Array.from({ length: 10 }, () => quick()));
  await until("the slow calls run", () => upstream.active >= 3);
  await gateway.kill();
  for (const { status } of await cutOff) expect(status).toBe("rejected");
  await others;

  const next = await startGateway({ env, dataDir: gateway.dataDir });
  expect(integrity(next)).toBe("ok");
  const ids = ledgerOf(next, "quick").map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(written.map(({ id }) => id)));
  expect(new Set(ids).size).toBe(ids.length);
  const { user } = await signIn(next, account.email, account.password);
  expect(user.total_api_calls).toBe(ids.length);

  await until("the node is back", async () => (await quick()).status === 200);
  await until("its upstream call was cancelled", () => upstream.active === 0);
});

function integrity({ dataDir }: Gateway): unknown {
  const database = new Database(join(dataDir, "colink.db"));
  try {
    return database.query<{ integrity_check: string }, []>("pragma integrity_check").get()
      ?.integrity_check;
  } finally {
    database.close();
  }
}
