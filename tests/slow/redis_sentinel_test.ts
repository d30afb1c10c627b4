/** Redis under Sentinel, both with TLS and passwords of their own. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/free_port.ts";
import { Program } from "../../scripts/program.ts";
import { requirements } from "../../scripts/testing/requirement.ts";
import { createAccount } from "../harness/account.ts";
import { createAuthority } from "../harness/certificate.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";
import { startGateway } from "../harness/gateway.ts";
import { until } from "../harness/wait.ts";

const READY_WITHIN_MS = 60_000;

/** A Redis program that speaks TLS alone. */
async function startSecured(tls: readonly string[], settings: readonly string[], sentinel = false) {
  const program = requirements.redis.find();
  if (program === null) throw new Error("Cannot start Redis: not found");
  const [folder, port] = [temporaryFolder(), freePort()];
  const file = join(folder, "redis.conf");
  const lines = ["port 0", `tls-port ${port}`, "bind 127.0.0.1", `dir ${folder}`, ...tls];
  writeFileSync(file, [...lines, ...settings].join("\n") + "\n");
  const running = new Program("redis", [program, file, ...sentinel ? ["--sentinel"] : []]);
  endAfterTests(() => running.kill());
  const isReady = sentinel ? /monitor master/ : /Ready to accept connections/;
  await running.line((line) => isReady.test(line) || undefined, READY_WITHIN_MS);
  return port;
}

test("limits are kept in a group under Sentinel with TLS, and passwords with colons", async () => {
  const authority = await createAuthority();
  const { certFile, keyFile } = await authority.issue("127.0.0.1");
  const tls = [
    `tls-cert-file ${certFile}`,
    `tls-key-file ${keyFile}`,
    `tls-ca-cert-file ${authority.certFile}`,
    "tls-auth-clients no",
    "tls-replication yes",
  ];
  const redis = await startSecured(tls, ["requirepass a:b:c", 'save ""']);
  const sentinel = await startSecured(tls, [
    "requirepass d:e",
    `sentinel monitor main 127.0.0.1 ${redis} 1`,
    "sentinel auth-pass main a:b:c",
  ], true);
  const url = (parameters: string) =>
    `rediss-sentinel://:a:b:c@127.0.0.1:${sentinel}/main?sentinel_password=d:e${parameters}`;

  const gateway = await startGateway({
    env: { REDIS_URL: url(`&ca_file=${authority.certFile}`), COLINK_DEFAULT_RPM: "2" },
  });
  const limiterOf = async (of: { url: string }) =>
    (await (await fetch(`${of.url}/readyz`)).json() as { checks: { limiter: string } })
      .checks.limiter;
  await until("Redis is used", async () => await limiterOf(gateway) === "ok");
  const { apiToken } = await createAccount(gateway);
  const statuses = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const headers = { authorization: `Bearer ${apiToken}`, "content-type": "application/json" };
      const body = JSON.stringify({ model: "m", messages: [] });
      const path = `${gateway.url}/v1/chat/completions`;
      return (await fetch(path, { method: "POST", headers, body })).status;
    }),
  );
  expect(statuses.filter((status) => status === 429)).toHaveLength(1);

  // Without its authority the group is not trusted, and nothing is sent in the clear instead.
  const wary = await startGateway({ env: { REDIS_URL: url("") } });
  await until("it says so", async () => (await limiterOf(wary)).includes("redis unavailable"));
});
