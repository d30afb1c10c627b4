/** Several gateways as one network: what each knows of the others' nodes, and what becomes of calls between them. */

import { describe, expect, test } from "bun:test";
import { startOn, TestNetwork } from "./testing/network.ts";

const SOON_MS = 200;

async function startTwo() {
  const network = new TestNetwork();
  const [one, other] = await network.addMany(2);
  return { network, clock: network.clock, one: one!, other: other! };
}

describe("a node of another gateway", () => {
  test("is offered soon after it has connected, and no more once it has left", async () => {
    const { clock, one, other } = await startTwo();
    const { leave } = other.node("far", 3);
    await clock.pass(SOON_MS);
    expect(one.remoteNodes()).toEqual(["far"]);
    expect(one.find("far")?.offer.maxParallel).toBe(3);
    leave();
    await clock.pass(SOON_MS);
    expect(one.remoteNodes()).toEqual([]);
  });

  test("answers calls from here", async () => {
    const { clock, one, other } = await startTwo();
    const { received, node } = other.node("far");
    await clock.pass(SOON_MS);
    const lease = await one.lease();
    const { got } = startOn(lease.node, "the body");
    await clock.pass(SOON_MS);
    expect(node.active).toBe(1);
    expect(received[0]?.order.body.text).toBe("the body");
    received[0]?.sink.head({});
    received[0]?.sink.data("hello");
    received[0]?.sink.finish();
    await clock.pass(SOON_MS);
    expect(got).toMatchObject({ text: "hello", hasFinished: true });
    expect(node.active).toBe(0);
  });
});
