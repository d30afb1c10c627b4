/** The balancers that are shipped, in front of gateways that are cut off or frozen. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type Account, createAccount } from "../harness/account.ts";
import { chat, hello } from "../harness/api.ts";
import { type Balancer, startBalancer } from "../harness/balancer.ts";
import { joinBystander } from "../harness/bystander.ts";
import { type ClusterGateway, listedBy, startCluster } from "../harness/cluster.ts";
import { until } from "../harness/wait.ts";

const CALLS = 12;
const ANSWER_WITHIN_MS = 15_000;
let gateways: readonly ClusterGateway[];
let owner: Account;

beforeAll(async () => {
  ({ gateways } = await startCluster(3));
  owner = await createAccount(gateways[0]!);
  const node = await joinBystander(gateways[0]!, owner);
  await listedBy(gateways, node.nodeId);
}, 180_000);

/** The statuses of calls one after the other, each over a connection of its own. */
async function calls(balancer: Balancer): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const headers = { "content-type": "application/json", connection: "close" };
    const model = hello("bystanders-model");
    statuses.push((await chat(balancer, owner.apiToken, model, { headers, signal })).status);
  }
  return statuses;
}

const allServed = Array.from({ length: CALLS }, () => 200);

/** Resolves once each call is answered: HAProxy gives a gateway up when its checks have failed twice, and cuts off the calls that wait for it then. */
async function serves(balancer: Balancer): Promise<void> {
  await until("all calls are answered", async () => {
    const statuses = await calls(balancer);
    if (Bun.deepEquals(statuses, allServed)) return true;
    throw new Error(statuses.join(", "));
  });
}

describe("an address from which no packet comes back", () => {
  const waiting: Socket[] = [];
  const stopped = Bun.spawn([
    process.execPath,
    "-e",
    'console.log(Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }).port)',
  ], { stdout: "pipe" });
  let address: string;

  /** A process that is stopped takes as many connections as its queue holds; the system drops what comes then. */
  beforeAll(async () => {
    const { value } = await stopped.stdout.getReader().read();
    const port = Number(new TextDecoder().decode(value));
    stopped.kill("SIGSTOP");
    address = `http://127.0.0.1:${port}`;
    for (let isFull = false; !isFull;) {
      const socket = connect(port, "127.0.0.1");
      waiting.push(socket);
      isFull = await Promise.race([
        new Promise<boolean>((resolve) => socket.on("connect", () => resolve(false))),
        Bun.sleep(500).then(() => true),
      ]);
    }
  }, 180_000);

  afterAll(() => {
    for (const socket of waiting) socket.destroy();
    stopped.kill("SIGKILL");
  });

  for (const kind of ["nginx", "haproxy"] as const) {
    test(`costs no call its answer behind ${kind}`, async () => {
      const [one, other] = gateways;
      const balancer = await startBalancer([one!.url, other!.url, address], kind);
      if (kind === "haproxy") await serves(balancer);
      expect(await calls(balancer)).toEqual(allServed);
    }, 180_000);
  }
});

test(
  "a frozen gateway gets no calls from HAProxy, and gets them again when it is back",
  async () => {
    const balancer = await startBalancer(gateways.map(({ url }) => url), "haproxy");
    expect(await calls(balancer)).toEqual(allServed);
    const { program } = gateways[2]!;
    program.signal("SIGSTOP");
    try {
      await serves(balancer);
      expect(await calls(balancer)).toEqual(allServed);
    } finally {
      program.signal("SIGCONT");
    }
    expect(await calls(balancer)).toEqual(allServed);
  },
  180_000,
);
