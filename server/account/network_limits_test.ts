import { expect, test } from "bun:test";
import { Budgets } from "../base/budgets.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { silentLog } from "../base/log.ts";
import { createLimits } from "../limit/open.ts";
import { NetworkLimits } from "./network_limits.ts";

async function networks() {
  const clock = new FakeClock();
  const limits = await createLimits({
    redisUrl: null,
    secret: "",
    gateways: () => 1,
    clock,
    log: silentLog,
  });
  const budgets = new Budgets();
  const config = { signInsPerMinute: 3, accountsPerHour: 2, joinsPerHour: 2 };
  return { budgets, networks: new NetworkLimits({ ...limits, config, budgets }) };
}

test("a network's sign-ins are counted together, those of other networks apart", async () => {
  const { networks: limits, budgets } = await networks();
  for (const end of ["1", "2", "ffff:1"]) await limits.signIn(`2001:db8::${end}`);
  await expect(limits.signIn("2001:db8::4")).rejects.toMatchObject({
    code: "login_throttled",
    message: expect.stringMatching(/3 times within a minute \(COLINK_SIGN_INS_PER_MINUTE\)/),
    retryAfterMs: expect.any(Number),
  });
  await limits.signIn("2001:db8:0:1::1");
  await limits.signIn("192.0.2.1");
  expect(budgets.all.map(({ name, refusals }) => `${name} ${refusals}`))
    .toEqual(["sign_ins_per_network 1", "new_accounts_per_network 0", "joins_per_network 0"]);
});

test("a network's new accounts have a limit of their own", async () => {
  const { networks: limits, budgets } = await networks();
  await limits.newAccount("192.0.2.1");
  await limits.newAccount("192.0.2.1");
  await expect(limits.newAccount("192.0.2.1")).rejects.toMatchObject({
    code: "login_throttled",
    message: expect.stringMatching(
      /Cannot register: .* 2 accounts within an hour \(COLINK_ACCOUNTS_PER_HOUR\); try again in 60 min/,
    ),
  });
  await limits.signIn("192.0.2.1");
  expect(budgets.all[1]?.refusals).toBe(1);
});
