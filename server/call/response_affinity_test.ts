import { expect, test } from "bun:test";
import { HOUR_MS } from "../base/clock.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { ResponseAffinity } from "./response_affinity.ts";

test("a stored response is found by its own account only", () => {
  const responseAffinity = new ResponseAffinity(new FakeClock());
  responseAffinity.keep("alice", "resp_1", "key/a");
  expect(responseAffinity.requiredNodeOf("alice", "resp_1")).toBe("key/a");
  expect(responseAffinity.requiredNodeOf("bob", "resp_1")).toBeNull();
  expect(responseAffinity.requiredNodeOf("alice", "resp_2")).toBeNull();
});

test("a stored response is forgotten a day after its last use", async () => {
  const clock = new FakeClock();
  const responseAffinity = new ResponseAffinity(clock);
  responseAffinity.keep("alice", "resp_1", "key/a");
  for (let days = 0; days < 3; days++) {
    await clock.pass(24 * HOUR_MS);
    expect(responseAffinity.requiredNodeOf("alice", "resp_1")).toBe("key/a");
  }
  await clock.pass(24 * HOUR_MS + 1);
  expect(responseAffinity.requiredNodeOf("alice", "resp_1")).toBeNull();
});

test("beyond the limit, the response used longest ago is forgotten", () => {
  const responseAffinity = new ResponseAffinity(new FakeClock());
  responseAffinity.keep("alice", "resp_old", "key/a");
  responseAffinity.keep("alice", "resp_used", "key/a");
  for (let i = 0; i < 49_999; i++) {
    responseAffinity.keep("bob", `resp_${i}`, "key/b");
    if (i === 40_000) responseAffinity.requiredNodeOf("alice", "resp_used");
  }
  expect(responseAffinity.requiredNodeOf("alice", "resp_old")).toBeNull();
  expect(responseAffinity.requiredNodeOf("alice", "resp_used")).toBe("key/a");
});
