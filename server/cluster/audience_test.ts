/** Three gateways: whose calls use a node that is not for everyone, wherever the call and the node are. */

import { beforeEach, describe, expect, test } from "bun:test";
import type { ShareWith } from "../../protocol/mod.ts";
import { outcomeOf } from "../call/testing/world.ts";
import { type Route, routes } from "../node/audience.ts";
import type { Lease } from "../schedule/lease.ts";
import { startOn, type TestGateway, TestNetwork } from "./testing/network.ts";

/** More than any change takes to be known everywhere. */
const KNOWN_MS = 200;

let network: TestNetwork;
let gateways: TestGateway[];

beforeEach(async () => {
  network = new TestNetwork();
  network.groups.put("ann", "lab");
  network.groups.put("bob", "lab");
  gateways = [await network.add(), await network.add(), await network.add()];
});

/** The node that a call gets now, or why it gets none. */
function outcome(gateway: TestGateway, account: string, route: Route = "any"): string {
  return outcomeOf(() => gateway.lease("m", null, { account, route }));
}

describe("a node of ann's, who is in the lab with bob", () => {
  const users: Readonly<Record<string, Readonly<Record<Route, string>>>> = {
    everyone: { own: "ann", group: "ann", any: "ann bob eve" },
    me: { own: "ann", group: "ann", any: "ann" },
    "group:lab": { own: "ann", group: "ann bob", any: "ann bob" },
    "user:eve@x": { own: "ann", group: "ann eve", any: "ann eve" },
  };
  for (const [name, byRoute] of Object.entries(users)) {
    test(`that is for ${name} serves the same calls at each gateway, on each route`, async () => {
      const shareWith: ShareWith = name === "everyone" || name === "me" ? name : [name];
      gateways[0]!.node("n", 1, ["m"], { owner: "ann", shareWith });
      await network.clock.pass(KNOWN_MS);
      for (const gateway of gateways) {
        for (const route of routes) {
          const served = ["ann", "bob", "eve"].filter((one) =>
            outcome(gateway, one, route) === "n"
          );
          expect(served.join(" ")).toBe(byRoute[route]);
        }
      }
    });
  }
});

test("the gateway of a node refuses a peer's call for an account that the node is not for, and says what others come under", async () => {
  const [home, other] = gateways as [TestGateway, TestGateway];
  const { received } = home.node("n", 3, ["m"], { owner: "ann", shareWith: ["group:lab"] });
  await network.clock.pass(KNOWN_MS);
  const remote = other.find("n")!;
  // As a gateway of an earlier version would, which does not know of audiences.
  for (const account of ["eve", ""]) {
    const { got } = startOn(remote, "{}", account);
    await network.clock.pass(KNOWN_MS);
    expect(got.failure).toMatchObject({ kind: "refused", error: { code: 503 } });
  }
  expect(received).toEqual([]);
  startOn(remote, "{}", "bob");
  startOn(remote, "{}", "ann");
  await network.clock.pass(KNOWN_MS);
  expect(received.map(({ order }) => order.audience)).toEqual(["group:lab", "owner"]);
});

for (const where of [1, 2] as const) {
  const place = where === 1 ? "of the same gateway" : "of another gateway";
  test(`a free slot goes past twenty strangers who wait longer, to a call ${place} that may use it`, async () => {
    const [home, second] = gateways as [TestGateway, TestGateway];
    home.node("open", 1, ["m"], { owner: "zoe" });
    const lab = home.node("lab", 1, ["m"], { owner: "zoe", shareWith: ["group:lab"] });
    await network.clock.pass(KNOWN_MS);
    const onOpen = home.lease("m", null, { account: "eve" }) as Lease;
    const onLab = home.lease("m", null, { account: "zoe", route: "own" }) as Lease;
    expect(onLab.node.who.publicId).toBe("lab");
    await network.clock.pass(KNOWN_MS);
    const served: string[] = [];
    const wait = (gateway: TestGateway, account: string) =>
      void Promise.resolve(gateway.lease("m", null, { account })).then((lease) => {
        served.push(`${account} ${lease.node.who.publicId}`);
        startOn(lease.node, "{}", account);
      }, () => {});
    for (let i = 0; i < 20; i++) wait(second, `eve-${i}`);
    await network.clock.pass(KNOWN_MS);
    wait(gateways[where]!, "bob");
    await network.clock.pass(KNOWN_MS);
    onLab.release();
    await network.clock.pass(KNOWN_MS);
    expect(served).toEqual(["bob lab"]);
    expect(lab.received.map(({ order }) => order.audience)).toEqual(["group:lab"]);
    onOpen.release();
    await network.clock.pass(KNOWN_MS);
    expect(served).toEqual(["bob lab", "eve-0 open"]);
  });
}

test("a node that is lent to fewer is known so everywhere, and waits of others end", async () => {
  const [home, other] = gateways as [TestGateway, TestGateway];
  const { node } = home.node("n", 1, ["m"], { owner: "ann" });
  await network.clock.pass(KNOWN_MS);
  const running = home.lease("m", null, { account: "ann" }) as Lease;
  await network.clock.pass(KNOWN_MS);
  const waiting = other.lease("m", null, { account: "eve" }) as Promise<Lease>;
  const ended = waiting.catch((error) => error.code);
  await network.clock.pass(KNOWN_MS);
  home.hub.update(node, { ...node.offer, shareWith: "me" });
  await network.clock.pass(KNOWN_MS);
  expect(await ended).toBe("model_not_found");
  running.release();
  await network.clock.pass(KNOWN_MS);
  expect(outcome(other, "eve")).toBe("model_not_found");
  expect(outcome(other, "ann")).toBe("n");
});
