/** `server admin …` on the data folder of a gateway that is running. */

import { beforeAll, expect, test } from "bun:test";
import { run } from "../../scripts/program.ts";
import { type Account, createAccount, signIn } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import {
  type Gateway,
  gatewayCommand,
  gatewayEnvironment,
  startGateway,
} from "../harness/gateway.ts";
import { connectRawNode } from "../harness/raw_node.ts";
import { until } from "../harness/wait.ts";

let gateway: Gateway;
let account: Account;

beforeAll(async () => {
  gateway = await startGateway();
  account = await createAccount(gateway);
}, 180_000);

function admin(words: string[], input = "") {
  const env = gatewayEnvironment(gateway.dataDir);
  return run([...gatewayCommand(), "admin", ...words], { env, cwd: gateway.dataDir, input });
}

/** How a call of this model is refused. */
async function refusal(model: string): Promise<string | null> {
  return (await chat(gateway, account.apiToken, hello(model))).json.error.code;
}

test("limits set from the command line hold within seconds", async () => {
  expect(await refusal("nobody")).toBe("model_not_found");
  const set = await admin(["limits", "--email", account.email, "--models", "one， two"]);
  expect(set.code).toBe(0);
  expect(set.output).toContain("no node has ever offered one, two");
  await until("the model list holds", async () => await refusal("nobody") === "model_not_allowed");
  expect(await refusal("two")).toBe("model_not_found");
}, 180_000);

test("a password set from the command line replaces the old one", async () => {
  const set = await admin(["password", "--email", account.email], "a new password\n");
  expect(set.code).toBe(0);
  await signIn(gateway, account.email, "a new password");
  await expect(signIn(gateway, account.email, account.password)).rejects.toThrow("401");
});

test(
  "an account that is shut loses its key, its session and its node, and gets them back",
  async () => {
    const node = await connectRawNode({ gateway, token: account.clientToken });
    expect((await admin(["shut", "--email", account.email])).code).toBe(0);
    expect(await node.closed).toMatchObject({ code: 4001 });
    await until("the key is refused", async () => {
      return (await ask(`${gateway.url}/v1/models`, { token: account.apiToken })).status === 403;
    });
    expect((await ask(`${gateway.url}/api/user/me`, { token: account.jwt })).status).toBe(401);
    await admin(["reopen", "--email", account.email]);
    await until("the key is taken", async () => {
      return (await ask(`${gateway.url}/v1/models`, { token: account.apiToken })).status === 200;
    });
  },
  180_000,
);

const mistakes: [words: string[], complaint: string][] = [
  [["limits", "--email", "a@example.com"], "--rpm, --models, --budget or --weight"],
  [["limits", "--email", "a@example.com", "--weight", "0"], "--weight=0"],
  [["limits", "--email", "a@example.com", "--rpm", "many"], "--rpm=many"],
  [["limits", "--email", "a@example.com", "--models", ","], "--models=,"],
  [["model", "m", "--groups", "nobodys"], "nobodys"],
  [["limits", "--email", "a@example.com", "--rpn", "3"], "--rpn"],
  [["shut", "--email", "nobody@example.com"], "nobody@example.com"],
  [["shut"], "email"],
  [["explode"], "explode"],
];
for (const [words, complaint] of mistakes) {
  test(`admin ${words.join(" ")} is refused, naming ${complaint}`, async () => {
    const { code, output } = await admin(words);
    expect(code).not.toBe(0);
    expect(output).toContain(complaint);
  });
}

test("each command has a help of its own", async () => {
  const { code, output } = await admin(["limits", "--help"]);
  expect(code).toBe(0);
  expect(output).toContain("server admin limits");
  expect(output).toContain("--models");
});

test(
  "a group made from the command line is the console's, and takes members by e-mail",
  async () => {
    expect((await admin(["group", "add", "--name", "Lab", "--weight", "2"])).code).toBe(0);
    expect((await admin(["group", "join", "--name", "lab", "--email", account.email])).code).toBe(
      0,
    );
    expect((await admin(["group", "members", "--name", "Lab"])).output).toContain(account.email);
    expect((await admin(["group", "list"])).output).toMatch(/Lab\s+members: 1\s+weight: 2/);
    const wrong = await admin(["group", "join", "--name", "nowhere", "--email", account.email]);
    expect([wrong.code, wrong.output]).toEqual([
      2,
      expect.stringContaining("no group has that name"),
    ]);
    expect((await admin(["group", "remove", "--name", "LAB"])).code).toBe(0);
    expect((await admin(["group", "list"])).output).toContain("There are no groups");
  },
  180_000,
);
