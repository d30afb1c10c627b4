/** Settings: which values are in force, set and unset, here and on other gateways. */

import { expect, test } from "bun:test";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import { silentLog } from "../base/log.ts";
import type { Store } from "../store/store.ts";
import { Settings } from "./settings.ts";

function start() {
  const stored = new Map<string, unknown>();
  const clock = new FakeClock();
  /** Milliseconds that the readings take, the next one first. */
  const readingsMs: number[] = [];
  const table = {
    all() {
      const found = new Map(stored);
      const ms = readingsMs.shift() ?? 0;
      if (ms === 0) return Promise.resolve(found);
      return new Promise((resolve) => clock.after(ms, () => resolve(found)));
    },
    set(name: string, value: unknown) {
      if (value === undefined) stored.delete(name);
      else stored.set(name, value);
      return Promise.resolve();
    },
  };
  const settings = new Settings({
    store: { settings: table as unknown as Store["settings"] },
    fallback: { name: "", registration: "invite", defaultRpm: 60, nodeApproval: false },
    clock,
    log: silentLog,
  });
  return { settings, stored, clock, readingsMs };
}

test("the configuration's value is in force until a setting is set, and again when it is unset", async () => {
  const { settings } = start();
  expect(settings.values)
    .toEqual({ name: "", registration: "invite", defaultRpm: 60, nodeApproval: false });
  const view = await settings.change({ registration: "open", default_rpm: 5 });
  expect(view.registration).toEqual({ value: "open", fallback: "invite", is_set: true });
  expect(settings.values).toMatchObject({ registration: "open", defaultRpm: 5 });
  await settings.change({ registration: null });
  expect(settings.values).toMatchObject({ registration: "invite", defaultRpm: 5 });
  expect(settings.view().registration.is_set).toBe(false);
});

test("a change on another gateway is in force after the next poll, and is reported once", async () => {
  const { settings, stored, clock } = start();
  let changes = 0;
  settings.changes.subscribe(() => changes++);
  await settings.start();
  stored.set("node_approval", true);
  await clock.pass(2000);
  expect(settings.values.nodeApproval).toBe(true);
  await clock.pass(10_000);
  expect(changes).toBe(1);
  await settings.close();
  expect(clock.pending).toBe(0);
});

test("an invalid stored value counts as unset", async () => {
  const { settings, stored } = start();
  stored.set("registration", "anarchy");
  stored.set("default_rpm", -1);
  await settings.refresh();
  expect(settings.values).toMatchObject({ registration: "invite", defaultRpm: 60 });
});

test("a change is not undone by a slow reading that began before it", async () => {
  const { settings, clock, readingsMs } = start();
  readingsMs.push(100);
  const slow = settings.refresh();
  await settle();
  const change = settings.change({ registration: "open" });
  await clock.pass(100);
  await Promise.all([slow, change]);
  expect(settings.values.registration).toBe("open");
});
