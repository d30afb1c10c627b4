import { expect, test } from "bun:test";
import { FakeClock } from "../clock_fake.ts";
import { Pins } from "./pins.ts";

const HOUR_MS = 60 * 60 * 1000;

test("an answer is found where it was stored, by its own account alone", () => {
  const pins = new Pins(new FakeClock());
  pins.keep("alice", "resp_1", "key/a");
  expect(pins.homeOf("alice", "resp_1")).toBe("key/a");
  expect(pins.homeOf("bob", "resp_1")).toBeNull();
  expect(pins.homeOf("alice", "resp_2")).toBeNull();
});

test("an answer is forgotten a day after it was used last", async () => {
  const clock = new FakeClock();
  const pins = new Pins(clock);
  pins.keep("alice", "resp_1", "key/a");
  for (let days = 0; days < 3; days++) {
    await clock.pass(24 * HOUR_MS);
    expect(pins.homeOf("alice", "resp_1")).toBe("key/a");
  }
  await clock.pass(24 * HOUR_MS + 1);
  expect(pins.homeOf("alice", "resp_1")).toBeNull();
});

test("of more answers than are remembered, the one used longest ago is forgotten", () => {
  const pins = new Pins(new FakeClock());
  pins.keep("alice", "resp_old", "key/a");
  pins.keep("alice", "resp_used", "key/a");
  for (let i = 0; i < 49_999; i++) {
    pins.keep("bob", `resp_${i}`, "key/b");
    if (i === 40_000) pins.homeOf("alice", "resp_used");
  }
  expect(pins.homeOf("alice", "resp_old")).toBeNull();
  expect(pins.homeOf("alice", "resp_used")).toBe("key/a");
});
