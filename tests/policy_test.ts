/** A node obeys its owner: real processes, whose policy asks the real machine. */

import { beforeAll, expect, test } from "bun:test";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { NodeView, OwnNodeView } from "../api/mod.ts";
import type { PolicyConfig } from "../client/config/policy_shape.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { ask, chat, hello } from "./harness/api.ts";
import { done } from "./harness/console_api.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";
import { type Gateway, runGateway, startGateway } from "./harness/gateway.ts";
import { listNodes, startNode } from "./harness/node.ts";
import { startUpstream, type Upstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let owner: Account;
let upstream: Upstream;
let folder: string;

beforeAll(async () => {
  gateway = await startGateway();
  owner = await createAccount(gateway);
  upstream = startUpstream();
  folder = temporaryFolder();
}, 180_000);

/** A node of its own, which serves these models on these terms. */
async function lend(name: string, models: string[], policy: PolicyConfig) {
  const node = await startNode({
    gateway,
    clientToken: owner.clientToken,
    name,
    policy,
    providers: [{
      type: "openai",
      base_url: upstream.url,
      models: models.map((local) => ({ local })),
    }],
  });
  const view = async () => (await listNodes(gateway)).find((one) => one.name === name);
  const shows = (what: string, isShown: (view: NodeView) => boolean) =>
    until(`${name} ${what}`, async () => {
      const found = await view();
      return found !== undefined && isShown(found) && found;
    });
  const isPaused = () => shows("is paused", ({ state }) => state === "paused");
  const isServing = () => shows("serves", ({ state }) => state === "ready");
  return { node, isPaused, isServing };
}

test("a program that the owner gives way to pauses the node for as long as it runs", async () => {
  const program = join(folder, "some-game");
  copyFileSync(Bun.which("sleep")!, program);
  const { isPaused, isServing, node } = await lend("gamer", ["g"], {
    busy_programs: ["some-game"],
    hold: "1s",
  });
  await isServing();
  // Its owner sees the machine and the terms; of programs their number. The public list has neither.
  const described = await until("the machine is described", async () => {
    const { nodes } = await done<{ nodes: OwnNodeView[] }>(gateway, owner, "GET /nodes/mine");
    return nodes.find(({ name }) => name === "gamer")?.machine;
  });
  expect(described).toMatchObject({
    arch: process.arch,
    policy: { busy_programs: "1" },
  });
  const visible = await listNodes(gateway, { asVisitor: true });
  expect(visible.map(({ machine }) => machine)).toEqual([null]);
  const game = Bun.spawn([program, "600"]);
  endAfterTests(() => game.kill());
  expect(await isPaused()).toMatchObject({
    pause_reason: "the owner's own programs come first",
    penalized: false,
  });
  expect((await chat(gateway, owner.apiToken, hello("g"))).status).toBe(503);
  game.kill();
  await isServing();
  expect((await chat(gateway, owner.apiToken, hello("g"))).status).toBe(200);
  const said = "takes no calls: the owner's own programs come first";
  await until("the log has it", () => node.log.some((line) => line.includes(said)));
}, 180_000);

test("another policy in config.yaml holds without another connection", async () => {
  const { isPaused, isServing, node } = await lend("editor", ["e"], {
    pause_file: join(folder, "p"),
  });
  const { connected_at: before } = await isServing();
  const config = parse(await Bun.file(node.configFile).text()) as Record<string, unknown>;
  const weekday = new Date().getDay();
  const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
  // Neither today nor tomorrow, whenever the test runs.
  config.policy = { hours: [days[(weekday + 3) % 7]] };
  writeFileSync(node.configFile, stringify(config));
  const paused = await isPaused();
  expect(paused.pause_reason).toBe("outside the owner's hours");
  expect(paused.paused_until).toBeGreaterThan(Date.now() + 24 * 60 * 60_000);
  delete config.policy;
  writeFileSync(node.configFile, stringify(config));
  expect((await isServing()).connected_at).toBe(before);
}, 180_000);

test(
  "tokens of the day are counted from answers, and close the node once they are used up",
  async () => {
    const { isPaused, isServing, node } = await lend("frugal", ["f"], { tokens_per_day: 1 });
    await isServing();
    expect((await chat(gateway, owner.apiToken, hello("f"))).status).toBe(200);
    expect((await isPaused()).pause_reason).toBe("today's tokens are used up");
    expect(await node.stop()).toBe(0);
  },
  180_000,
);

test(
  "calls move to another node while one is paused again and again, and none fails or costs a penalty",
  async () => {
    const file = join(folder, "flip");
    const flipped = await lend("flipped", ["m"], { pause_file: file, yield: "move" });
    const steady = await lend("steady", ["m"], {});
    await Promise.all([flipped.isServing(), steady.isServing()]);
    const statuses = new Map<number, number>();
    let isOver = false;
    const callers = Array.from({ length: 3 }, async () => {
      while (!isOver) {
        const { status } = await chat(gateway, owner.apiToken, hello("m"));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    for (let flip = 0; flip < 3; flip++) {
      writeFileSync(file, "");
      expect((await flipped.isPaused()).pause_reason)
        .toBe("another program of the owner's asks for a pause");
      rmSync(file);
      await flipped.isServing();
    }
    isOver = true;
    await Promise.all(callers);
    expect([...statuses.keys()]).toEqual([200]);
    expect((await listNodes(gateway)).flatMap(({ penalties }) => penalties)).toEqual([]);
  },
  180_000,
);

test(
  "a node that is shared with a group serves its members, and does not exist for others",
  async () => {
    const [member, stranger] = [await createAccount(gateway), await createAccount(gateway)];
    const group = async (...args: string[]) => {
      const { dataDir } = gateway;
      expect((await runGateway(["admin", "group", ...args], { dataDir })).code).toBe(0);
    };
    await group("add", "--name", "lab");
    await group("join", "--name", "lab", "--email", member.email);
    const { node } = await lend("lab-node", ["lab-model"], {});
    const config = parse(await Bun.file(node.configFile).text()) as Record<string, unknown>;
    config.share_with = ["group:Lab", "group:choir"];
    writeFileSync(node.configFile, stringify(config));
    const asks = ({ apiToken }: Account, headers = {}) =>
      chat(gateway, apiToken, hello("lab-model"), {
        headers: { "content-type": "application/json", ...headers },
      });
    const refused = await until("others are refused", async () => {
      const answer = await asks(stranger);
      return answer.status === 404 && answer;
    });
    expect(refused.json.error.code).toBe("model_not_found");
    expect(refused.text.replace('the model \\"lab-model\\"', "")).not.toContain("lab-");
    const models = ({ apiToken: token }: Account) => ask(`${gateway.url}/v1/models`, { token });
    expect((await models(stranger)).text).not.toContain("lab-model");
    expect(JSON.stringify(await listNodes(gateway, { asVisitor: true }))).not.toContain("lab-node");
    const seen = async ({ jwt: token }: Account) =>
      (await ask(`${gateway.url}/api/nodes`, { token })).text;
    expect(await seen(stranger)).not.toContain("lab-node");

    const served = await until("a member is served", async () => {
      const answer = await asks(member);
      return answer.status === 200 && answer;
    });
    expect(served.headers.get("x-colink-route")).toBe("group");
    expect((await models(member)).text).toContain("lab-model");
    expect(await seen(member)).toContain("lab-node");
    const own = await asks(owner, { "x-colink-route": "own" });
    expect([own.status, own.headers.get("x-colink-route")]).toEqual([200, "own"]);
    const near = await asks(member, { "x-colink-route": "own" });
    expect([near.status, near.json.error.code]).toEqual([503, "no_node_online"]);
    expect((await asks(member, { "x-colink-route": "mine" })).status).toBe(400);
    const warning = "groups that do not exist here, and match no call: group:choir";
    await until("the node is warned", () => node.log.some((line) => line.includes(warning)));

    await group("leave", "--name", "lab", "--email", member.email);
    await until("one who has left is refused", async () => (await asks(member)).status === 404);
    expect((await asks(owner)).status).toBe(200);
  },
  180_000,
);
