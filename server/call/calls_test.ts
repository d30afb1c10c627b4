import { expect, test } from "bun:test";
import { World } from "./testing/world.ts";
import { Calls } from "./calls.ts";

function start() {
  const world = new World();
  const calls = new Calls(world.clock, 60_000);
  const [alice, bob] = [world.call({ account: "alice" }), world.call({ account: "bob" })];
  for (const call of [alice, bob]) calls.add(call);
  return { calls, alice, bob, clock: world.clock };
}

test("a revoked key stops its calls and no others", () => {
  const { calls, alice, bob } = start();
  calls.stopKey("key-alice");
  expect(alice.stopped).toMatchObject({ code: "key_revoked" });
  expect(bob.stopped).toBeNull();
  calls.stopAll("shutting_down");
  expect(alice.stopped).toMatchObject({ code: "key_revoked" });
  expect(bob.stopped).toMatchObject({ code: "shutting_down" });
});

test("each call is stopped when its own time is up, and none that has ended", async () => {
  const { calls, alice, bob, clock } = start();
  await clock.pass(20_000);
  const [carol, dave] = [new World().call(), new World().call()];
  for (const call of [carol, dave]) calls.add(call);
  calls.remove(alice);
  await clock.pass(40_000);
  expect(alice.stopped).toBeNull();
  expect(bob.stopped).toMatchObject({ code: "deadline_exceeded" });
  expect(carol.stopped).toBeNull();
  calls.remove(dave);
  await clock.pass(20_000);
  expect(carol.stopped).toMatchObject({ code: "deadline_exceeded" });
  expect(dave.stopped).toBeNull();
});

test("idle resolves for every waiter when the last call has ended, and at once when there is none", async () => {
  const { calls, alice, bob } = start();
  let resolved = 0;
  const waits = [calls.idle(), calls.idle()].map((idle) => idle.then(() => resolved++));
  calls.remove(alice);
  await Promise.resolve();
  expect([calls.size, resolved]).toEqual([1, 0]);
  calls.remove(bob);
  await Promise.all(waits);
  expect(resolved).toBe(2);
  await calls.idle();

  calls.add(alice);
  const again = calls.idle();
  calls.remove(alice);
  await again;
  expect(calls.size).toBe(0);
});
