import { expect, test } from "bun:test";
import { World } from "./testing/world.ts";
import { Calls } from "./calls.ts";

function start() {
  const world = new World();
  const calls = new Calls(world.clock, 60_000);
  const [alice, bob] = [world.call({ account: "alice" }), world.call({ account: "bob" })];
  const [alicesPlace, bobsPlace] = [calls.add(alice), calls.add(bob)];
  return { calls, alice, bob, alicesPlace, bobsPlace, clock: world.clock };
}

test("a revoked key stops its calls and no others", () => {
  const { calls, alice, bob } = start();
  calls.stopKeys(new Set(["key-alice"]));
  expect(alice.stopped).toMatchObject({ code: "key_revoked" });
  expect(bob.stopped).toBeNull();
  calls.stopAll("shutting_down");
  expect(alice.stopped).toMatchObject({ code: "key_revoked" });
  expect(bob.stopped).toMatchObject({ code: "shutting_down" });
});

test("each call is stopped when its own time is up, and none that has ended", async () => {
  const { calls, alice, bob, alicesPlace, clock } = start();
  await clock.pass(20_000);
  const [carol, dave] = [new World().call(), new World().call()];
  calls.add(carol);
  const davesPlace = calls.add(dave);
  calls.remove(alicesPlace);
  await clock.pass(40_000);
  expect(alice.stopped).toBeNull();
  expect(bob.stopped).toMatchObject({ code: "deadline_exceeded" });
  expect(carol.stopped).toBeNull();
  calls.remove(davesPlace);
  await clock.pass(20_000);
  expect(carol.stopped).toMatchObject({ code: "deadline_exceeded" });
  expect(dave.stopped).toBeNull();
});

test("idle resolves for every waiter when the last call has ended, and at once when there is none", async () => {
  const { calls, alice, alicesPlace, bobsPlace } = start();
  let resolved = 0;
  const waits = [calls.idle(), calls.idle()].map((idle) => idle.then(() => resolved++));
  calls.remove(alicesPlace);
  await Promise.resolve();
  expect([calls.size, resolved]).toEqual([1, 0]);
  calls.remove(bobsPlace);
  await Promise.all(waits);
  expect(resolved).toBe(2);
  await calls.idle();

  const place = calls.add(alice);
  const again = calls.idle();
  calls.remove(place);
  await again;
  expect(calls.size).toBe(0);
});
