import { expect, test } from "bun:test";
import { World } from "./testing/world.ts";
import { Calls } from "./calls.ts";

function start() {
  const world = new World();
  const calls = new Calls();
  const [alice, bob] = [world.call({ account: "alice" }), world.call({ account: "bob" })];
  for (const call of [alice, bob]) calls.add(call);
  return { calls, alice, bob };
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
