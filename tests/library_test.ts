/** `mod.ts` as a library: gateway and node in one process on Bun; protocol and node on Deno too. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import type { AuditPage, CreatedInvite, CreatedKey, SessionView, UsageView } from "../api/mod.ts";
import { createGateway, createNode, readConfig } from "../mod.ts";
import golden from "../protocol/golden/v1.json" with { type: "json" };
import { systemClock } from "../server/base/clock.ts";
import { createAccount, signIn } from "./harness/account.ts";
import { chat, hello } from "./harness/api.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";
import { done } from "./harness/console_api.ts";
import { listNodes } from "./harness/node.ts";
import { echo, startUpstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

const root = join(import.meta.dir, "..");

test("a gateway and a node made by the library serve a call, and stop", async () => {
  const dataDir = temporaryFolder();
  const config = await readConfig({
    PORT: "0",
    COLINK_HOST: "127.0.0.1",
    COLINK_DATA_DIR: dataDir,
    COLINK_LOG_LEVEL: "silent",
  });
  const gateway = await createGateway(config);
  const owner = await createAccount(gateway);
  const upstream = startUpstream({ local: echo() });
  const node = createNode({
    client_token: owner.clientToken,
    server_url: `${gateway.url.replace("http", "ws")}/ws`,
    max_parallel: 1,
    providers: [{
      type: "openai",
      base_url: upstream.url,
      models: [{ local: "local", server_mapping: "shared" }],
    }],
  });
  node.start();
  await until("the node is listed", async () => (await listNodes(gateway)).length === 1);
  const answer = await chat<{ choices: { message: { content: string } }[] }>(
    gateway,
    owner.apiToken,
    hello("shared"),
  );
  expect(answer.json.choices[0]?.message.content).toBe("hello");
  await node.stop();
  expect(node.status.state).toBe("stopped");
  await gateway.stop();
  await expect(fetch(`${gateway.url}/livez`)).rejects.toThrow();
}, 180_000);

test("a gateway with a clock of its own stores that clock's time", async () => {
  const now = Date.UTC(2090, 0, 1);
  const dataDir = temporaryFolder();
  const config = await readConfig({
    PORT: "0",
    COLINK_HOST: "127.0.0.1",
    COLINK_DATA_DIR: dataDir,
    COLINK_LOG_LEVEL: "silent",
  });
  const clock = { ...systemClock, now: () => now };
  const gateway = await createGateway(config, { clock });
  endAfterTests(() => gateway.stop());
  await gateway.accounts.createAdmin("root@example.com", "a good password");
  const root = await signIn(gateway, "root@example.com", "a good password");
  expect(root.user.created_at).toBe(now);
  const { key } = await done<CreatedKey>(gateway, root, "POST /keys", { name: "a key" });
  expect(key.created_at).toBe(now);
  const { sessions } = await done<{ sessions: SessionView[] }>(gateway, root, "GET /user/sessions");
  expect(sessions.map(({ created_at }) => created_at)).toEqual([now]);
  const invite = await done<CreatedInvite>(gateway, root, "POST /admin/invites", {});
  expect(invite.invite.created_at).toBe(now);
  const { entries } = await done<AuditPage>(gateway, root, "GET /admin/audit");
  expect(new Set(entries.map(({ at }) => at))).toEqual(new Set([now]));
  const usage = await done<UsageView>(gateway, root, "GET /usage?step=day");
  expect(usage.to).toBe(now);
}, 180_000);

test("a bad setting is refused by name before anything is opened", async () => {
  await expect(readConfig({ PORT: "many", COLINK_DEFAULT_RPM: "-1" })).rejects.toMatchObject({
    problems: [expect.stringContaining("PORT"), expect.stringContaining("COLINK_DEFAULT_RPM")],
  });
});

test("on Deno, mod.ts offers the protocol and the node", async () => {
  const program = `
    import { createNode, decode } from ${JSON.stringify(join(root, "mod.ts"))};
    const frames = JSON.parse(Deno.args[0]).map(({ text }) => decode(text).kind);
    let problems = [];
    try { createNode({ client_token: "", server_url: "", providers: [] }); }
    catch (error) { problems = error.problems; }
    console.log(JSON.stringify({ frames, hasProblems: problems.length > 0 }));
  `;
  const deno = join(root, "node_modules", ".bin", "deno");
  const run = Bun.spawn(
    [deno, "run", "-A", "--config", join(root, "deno.json"), "-", JSON.stringify(golden)],
    { cwd: root, stdin: new Blob([program]), stdout: "pipe", stderr: "pipe" },
  );
  const [output, complaints] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
  ]);
  expect(complaints).not.toContain("rror");
  expect(JSON.parse(output)).toEqual({ frames: golden.map(() => "frame"), hasProblems: true });
}, 180_000);
