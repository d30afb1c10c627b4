import { describe, expect, test } from "bun:test";
import type { OfferPolicyConfig, PolicyConfig } from "../config/policy_shape.ts";
import { FakeWorld } from "../testing/fake_world.ts";
import { breachOf, conditionsOf, type Reading } from "./condition.ts";
import { Gate, type GateOptions, type KeptPolicy } from "./gate.ts";
import { FakeMachine } from "./testing/fake_machine.ts";
import { zoneTime } from "./testing/zone_time.ts";
import { Usage, WHOLE_NODE } from "./usage.ts";

const GIB = 2 ** 30;
const DAY_MS = 24 * 60 * 60_000;
const utc = zoneTime("UTC");

/** The fake world begins at 2023-11-14 22:13:20 UTC, a Tuesday. */
class Owner {
  readonly world = new FakeWorld();
  readonly machine = new FakeMachine();
  hasPauseFile = false;
  changes = 0;
  kept: KeptPolicy = {};
  readonly gate: Gate;

  constructor(policy: PolicyConfig, more: Partial<GateOptions> = {}) {
    this.gate = new Gate({
      policy,
      scopes: [],
      machine: this.machine,
      world: this.world,
      toLocal: utc,
      hasPauseFile: () => this.hasPauseFile,
      keep: (kept) => this.kept = kept,
      onChange: () => this.changes++,
      ...more,
    });
  }

  static async of(policy: PolicyConfig, more: Partial<GateOptions> = {}): Promise<Owner> {
    const owner = new Owner(policy, more);
    await owner.gate.start();
    owner.changes = 0;
    return owner;
  }

  get reason(): string | null {
    return this.gate.pause?.reason ?? null;
  }
}

test("without a policy the node takes calls and asks the machine nothing", async () => {
  const owner = await Owner.of({});
  await owner.world.pass(10_000);
  expect(owner.reason).toBeNull();
  expect(owner.machine.asked).toEqual([]);
});

test("without a limit no call is kept, and with one none that is older than an hour", () => {
  const free = new Usage({ todayMs: () => 0, toLocal: utc });
  free.began([WHOLE_NODE]);
  expect(free.of(WHOLE_NODE).callsThisHour).toBe(0);
  let nowMs = 0;
  const limited = new Usage({ todayMs: () => nowMs, toLocal: utc });
  limited.limitCalls([WHOLE_NODE]);
  for (; nowMs < 7_200_000; nowMs += 60_000) limited.began([WHOLE_NODE]);
  expect(limited.of(WHOLE_NODE).callsThisHour).toBe(59);
  // The clock is set back.
  nowMs = 3_600_000;
  expect(limited.of(WHOLE_NODE).callsThisHour).toBeLessThan(60);
});

test("no call is taken before the machine was looked at", async () => {
  const owner = new Owner({ power: "mains" });
  expect(owner.reason).toBe("the node looks at the machine first");
  await owner.gate.start();
  expect(owner.reason).toBeNull();
});

describe("each condition closes the node within two seconds and opens it after the hold", () => {
  const cases: [
    PolicyConfig,
    (machine: FakeMachine) => void,
    (machine: FakeMachine) => void,
    string,
  ][] = [
    [
      { power: "mains" },
      (machine) => machine.supply = { isOnMains: false, batteryPercent: 90 },
      (machine) => machine.supply = { isOnMains: true, batteryPercent: 90 },
      "the machine runs on battery",
    ],
    [
      { power: "battery > 60%" },
      (machine) => machine.supply = { isOnMains: false, batteryPercent: 60 },
      (machine) => machine.supply = { isOnMains: false, batteryPercent: 61 },
      "the battery is not above 60 %",
    ],
    [
      { idle: "10m" },
      (machine) => machine.idleForMs = 599_999,
      (machine) => machine.idleForMs = 600_000,
      "the owner uses the machine",
    ],
    [
      { busy_programs: ["steam", "blender"] },
      (machine) => machine.running = [{ pid: 7, parentPid: 1, name: "Steam.exe" }],
      (machine) => machine.running = [{ pid: 7, parentPid: 1, name: "steamcmd" }],
      "the owner's own programs come first",
    ],
    [
      { gpu_memory_free: "4GiB" },
      (machine) => machine.gpu = { totalBytes: 24 * GIB, usedBytes: 23 * GIB, ownBytes: 2 * GIB },
      (machine) => machine.gpu = { totalBytes: 24 * GIB, usedBytes: 23 * GIB, ownBytes: 3 * GIB },
      "other programs leave less than 4GiB of graphics memory",
    ],
    [
      { cpu_load: "< 40%" },
      (machine) => machine.otherLoad = 0.4,
      (machine) => machine.otherLoad = 0.39,
      "other programs' load of the processor is not < 40%",
    ],
  ];
  for (const [policy, close, open, reason] of cases) {
    test(Object.keys(policy)[0]!, async () => {
      const owner = await Owner.of(policy);
      expect(owner.reason).toBeNull();
      close(owner.machine);
      await owner.world.pass(2_000);
      expect(owner.reason).toBe(reason);
      expect(owner.changes).toBe(1);
      open(owner.machine);
      await owner.world.pass(29_000);
      expect(owner.reason).toBe(reason);
      await owner.world.pass(4_500);
      expect(owner.reason).toBeNull();
      expect(owner.changes).toBe(2);
    });
  }
});

test("a look that began for another policy does not count for the new one", async () => {
  const owner = await Owner.of({ idle: "1m" });
  const slow = Promise.withResolvers<number>();
  owner.machine.idleMs = () => slow.promise;
  await owner.world.pass(2_000);
  owner.machine.supply = { isOnMains: false, batteryPercent: 50 };
  const shown = Promise.withResolvers<typeof owner.machine.supply>();
  owner.machine.power = () => shown.promise;
  const reconfigured = owner.gate.reconfigure({ policy: { power: "mains" }, scopes: [] });
  slow.resolve(3_600_000);
  await owner.world.pass(0);
  expect(owner.reason).toBe("the node looks at the machine first");
  shown.resolve(owner.machine.supply);
  await reconfigured;
  expect(owner.reason).toBe("the machine runs on battery");
});

test("a condition that flaps keeps the node closed until it has held as long as the owner says", async () => {
  const owner = await Owner.of({ power: "mains", hold: "10s" });
  for (let flip = 0; flip < 20; flip++) {
    owner.machine.supply = { isOnMains: flip % 2 === 1, batteryPercent: null };
    await owner.world.pass(3_000);
    expect(owner.reason).toBe("the machine runs on battery");
  }
  await owner.world.pass(12_000);
  expect(owner.reason).toBeNull();
  expect(owner.changes).toBe(2);
});

test("hours close and open the node to the minute, and say until when", async () => {
  const owner = await Owner.of({ hours: ["22:00-22:14", "23:00-24:00"] });
  expect(owner.reason).toBeNull();
  await owner.world.pass(40_000);
  expect(owner.gate.pause).toEqual({
    reason: "outside the owner's hours",
    untilMs: Date.parse("2023-11-14T23:00:00Z"),
  });
  await owner.world.pass(46 * 60_000);
  expect(owner.reason).toBeNull();
});

test("a clock that is set back to closed hours closes the node at the next call", async () => {
  const owner = await Owner.of({ hours: ["22:00-23:00"] });
  owner.world.todayMs = () => Date.parse("2023-11-14T21:59:59Z");
  expect(owner.reason).toBe("outside the owner's hours");
});

describe("tokens of the day", () => {
  test("close the node once they are used up, until local midnight", async () => {
    const owner = await Owner.of({ tokens_per_day: "2k" });
    owner.gate.ended([WHOLE_NODE], 1_999);
    expect(owner.reason).toBeNull();
    owner.gate.ended([WHOLE_NODE], 1);
    expect(owner.gate.pause).toEqual({
      reason: "today's tokens are used up",
      untilMs: Date.parse("2023-11-15T00:00:00Z"),
    });
    await owner.world.pass(107 * 60_000);
    expect(owner.reason).toBeNull();
  });

  test("outlast a restart on the same day, and not one on the next", async () => {
    const owner = await Owner.of({ tokens_per_day: 100 });
    owner.gate.ended([WHOLE_NODE], 100);
    owner.gate.stop();
    const kept = structuredClone(owner.kept);
    expect((await Owner.of({ tokens_per_day: 100 }, { kept })).reason)
      .toBe("today's tokens are used up");
    kept.usage!.atMs -= DAY_MS;
    expect((await Owner.of({ tokens_per_day: 100 }, { kept })).reason).toBeNull();
  });

  test("that a node without conditions used yesterday do not count as today's after a restart", async () => {
    const owner = await Owner.of({});
    owner.gate.ended([WHOLE_NODE], 100);
    const { world, gate } = owner;
    const tomorrowMs = world.todayMs() + DAY_MS;
    world.todayMs = () => tomorrowMs;
    gate.stop();
    const next = new Owner({ tokens_per_day: 100 }, { kept: owner.kept });
    next.world.todayMs = world.todayMs;
    await next.gate.start();
    expect(next.reason).toBeNull();
  });
});

test("tokens of a day count again once a clock that showed another day is set right", async () => {
  const owner = await Owner.of({ tokens_per_day: 100 });
  const rightMs = owner.world.todayMs();
  owner.gate.ended([WHOLE_NODE], 100);
  // The second one shows the same date of the next month.
  for (const wrongMs of [0, rightMs + 30 * DAY_MS, rightMs + 40 * DAY_MS]) {
    owner.world.todayMs = () => wrongMs;
    expect(owner.reason).toBeNull();
    owner.world.todayMs = () => rightMs;
    expect(owner.reason).toBe("today's tokens are used up");
  }
});

test("calls of the last hour close the node until the oldest is an hour old", async () => {
  const owner = await Owner.of({ calls_per_hour: 2 });
  owner.gate.began([WHOLE_NODE]);
  await owner.world.pass(60_000);
  owner.gate.began([WHOLE_NODE]);
  expect(owner.reason).toBe("this hour's calls are used up");
  await owner.world.pass(58 * 60_000);
  expect(owner.reason).toBe("this hour's calls are used up");
  await owner.world.pass(60_000);
  expect(owner.reason).toBeNull();
});

describe("what the machine cannot tell", () => {
  test("counts as not fulfilled for power and idle, as fulfilled for the rest, and is said at the start", async () => {
    const owner = new Owner({ idle: "10m" });
    owner.machine.idleForMs = null;
    await owner.gate.start();
    expect(owner.reason).toBe("the node cannot tell whether the machine is in use");
    expect(owner.world.logged).toEqual([
      "warn: the node: cannot tell whether the machine is in use here: no calls are taken; " +
      "unknown: allow would take them",
    ]);
    const other = new Owner({ gpu_memory_free: "4GiB" });
    other.machine.gpu = null;
    await other.gate.start();
    expect(other.reason).toBeNull();
    expect(other.world.logged[0]).toContain("the condition counts as fulfilled");
  });

  test("counts as the owner says", async () => {
    const lenient = new Owner({ power: "mains", unknown: "allow" });
    lenient.machine.supply = null;
    await lenient.gate.start();
    expect(lenient.reason).toBeNull();
    const strict = new Owner({ cpu_load: "< 50%", unknown: "deny" });
    strict.machine.cpuTime = () => Promise.resolve(null as never);
    await strict.gate.start();
    expect(strict.reason).toBe("the node cannot tell how busy the processor is");
  });
});

describe("the owner's own pause", () => {
  test("goes before the policy, ends at its time, and outlasts a restart", async () => {
    const owner = await Owner.of({});
    const untilMs = owner.world.todayMs() + 60_000;
    owner.gate.pauseUntil(untilMs);
    expect(owner.gate.pause).toEqual({ reason: "the owner has paused the node", untilMs });
    const again = await Owner.of({}, { kept: structuredClone(owner.kept) });
    expect(again.reason).toBe("the owner has paused the node");
    await again.world.pass(60_000);
    expect(again.reason).toBeNull();
    expect(again.changes).toBe(1);
  });

  test("without an end holds until it is resumed, at once", async () => {
    const owner = await Owner.of({});
    owner.gate.pauseUntil(null);
    await owner.world.pass(60 * 60_000);
    expect(owner.reason).toBe("the owner has paused the node");
    owner.gate.resume();
    expect(owner.reason).toBeNull();
  });

  test("can be asked for by another program's file", async () => {
    const owner = await Owner.of({ pause_file: "/run/game" });
    owner.hasPauseFile = true;
    await owner.world.pass(2_000);
    expect(owner.reason).toBe("another program of the owner's asks for a pause");
    owner.hasPauseFile = false;
    await owner.world.pass(2_000);
    expect(owner.reason).toBeNull();
  });
});

describe("a provider's or a model's own policy", () => {
  const scopes = [{ key: "a", name: "a", policy: { calls_per_hour: 1 } }];

  test("closes it alone, and the node's policy holds for it too", async () => {
    const owner = await Owner.of({ power: "mains" }, { scopes });
    owner.gate.began([WHOLE_NODE]);
    owner.gate.began(["a", "a\nm"]);
    expect(owner.reason).toBeNull();
    expect(owner.gate.pauseOf(["b"])).toBeNull();
    expect(owner.gate.pauseOf(["a", "a\nm"])?.reason).toBe("this hour's calls are used up");
    expect(owner.changes).toBe(1);
  });

  test("is warned of where its hours and the node's never hold together", async () => {
    const never = [{ key: "a", name: "m of a", policy: { hours: ["mon 09:00-10:00"] } }];
    const owner = await Owner.of({ hours: ["sat-sun"] }, { scopes: never });
    expect(owner.world.logged).toEqual([
      "warn: m of a is never offered: its hours and the node's never hold at the same time",
    ]);
  });
});

test("no call is taken while a condition does not hold, whatever the machine does", async () => {
  const policy: PolicyConfig = {
    hours: ["22:00-23:00", "23:30-02:00"],
    power: "battery > 50%",
    idle: "5m",
    busy_programs: ["game*"],
    gpu_memory_free: "8GiB",
    cpu_load: "< 50%",
    tokens_per_day: "5k",
    calls_per_hour: 40,
    hold: "3s",
  };
  expect(conditionsOf(policy)).toHaveLength(8);
  const draw = randomNumbers(20231114);
  let taken = 0;
  for (let run = 0; run < 8; run++) {
    const owner = await Owner.of(policy);
    for (let step = 0; step < 60; step++) {
      shake(owner.machine, draw);
      await owner.world.pass(draw() < 0.1 ? 600_000 * draw() : 3_000);
      // The probes have just been asked; the hold may keep the node closed for longer.
      if (owner.reason !== null) continue;
      taken++;
      expect(breachOf(policy, truth(owner), { ...FREE })).toBeNull();
      owner.gate.began([WHOLE_NODE]);
      owner.gate.ended([WHOLE_NODE], Math.floor(draw() * 400));
    }
  }
  expect(taken).toBeGreaterThan(50);
});

const FREE = { tokensToday: 0, callsThisHour: 0, dayEndsMs: 0, hourEndsMs: 0 };

/** What the machine shows now, by itself. */
function truth({ machine, world }: Owner): Reading {
  return {
    nowMs: world.todayMs(),
    toLocal: utc,
    power: machine.supply,
    idleMs: machine.idleForMs,
    programs: machine.running,
    gpuMemory: machine.gpu,
    otherCpuLoad: machine.otherLoad,
  };
}

function shake(machine: FakeMachine, draw: () => number): void {
  const isBad = () => draw() < 0.08;
  machine.supply = { isOnMains: !isBad(), batteryPercent: isBad() ? 40 : 70 };
  machine.idleForMs = isBad() ? 1_000 : 400_000;
  machine.running = [{ pid: 9, parentPid: 1, name: isBad() ? "game-2" : "editor" }];
  machine.gpu = { totalBytes: 16 * GIB, usedBytes: isBad() ? 12 * GIB : GIB, ownBytes: 0 };
  machine.otherLoad = isBad() ? 0.7 : 0.2;
}

/** Numbers from 0 to 1, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("a provider's policy takes conditions only", () => {
  const policy: OfferPolicyConfig = { power: "mains", unknown: "allow" };
  expect(conditionsOf(policy)).toEqual(["power"]);
});
