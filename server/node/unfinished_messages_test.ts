import { beforeEach, describe, expect, test } from "bun:test";
import { Budgets } from "../base/budgets.ts";
import { LOOK_MS, type ReceivingLink, UnfinishedMessages } from "./unfinished_messages.ts";

const MIB = 1024 * 1024;

interface HeldLink extends ReceivingLink {
  accountId: string;
  heldMiB: number;
  messageMs: number;
  losesCalls: boolean;
  unsentBytes: number;
}

/** A gateway whose memory is what it says, and the links that are connected to it. */
class World {
  nowMs = 100_000;
  links = new Set<HeldLink>();
  objectsMiB = 20;
  otherMiB = 60;
  sums = 0;
  readonly budgets = new Budgets();
  /** Links that were cut, by account. */
  readonly cut: Record<string, number> = {};
  readonly unfinished = new UnfinishedMessages<HeldLink>(
    {
      residentBytes: () => {
        let mib = this.objectsMiB + this.otherMiB;
        for (const { heldMiB } of this.links) mib += heldMiB;
        return mib * MIB;
      },
      knownBytes: () => {
        this.sums++;
        return this.objectsMiB * MIB;
      },
    },
    8 * MIB,
    this.budgets,
  );

  /** The account opens links, each of which holds so much of a message. */
  open(accountId: string, count: number, heldMiB = 0, losesCalls = false): HeldLink[] {
    const opened = Array.from({ length: count }, () => ({
      accountId,
      heldMiB,
      messageMs: this.nowMs,
      losesCalls,
      unsentBytes: 0,
    }));
    for (const link of opened) this.links.add(link);
    return opened;
  }

  pass(looks: number): void {
    for (; looks > 0; looks--) {
      this.nowMs += LOOK_MS;
      const pairs = [...this.links].map((link) => [link.accountId, link] as const);
      const found = this.unfinished.look(() => pairs, this.links.size, this.nowMs);
      if (found === null) continue;
      this.cut[found.accountId] = (this.cut[found.accountId] ?? 0) + found.links.length;
      for (const link of found.links) this.links.delete(link);
    }
  }

  of(accountId: string): number {
    return [...this.links].filter((link) => link.accountId === accountId).length;
  }
}

describe("messages that are never finished", () => {
  let world: World;

  beforeEach(() => {
    world = new World();
    world.pass(1);
  });

  test("cost the account its links, except as many as can hold 64 MiB", () => {
    world.open("attacker", 100, 8);
    world.pass(5);
    expect(world.of("attacker")).toBe(8);
    expect(world.budgets.all[0]!.refusals).toBe(92);
  });

  test("of an account with few links are let be", () => {
    world.open("attacker", 8, 8);
    world.otherMiB += 300;
    world.pass(20);
    expect(world.cut).toEqual({});
  });

  test("are noticed among many links that hold nothing", () => {
    world.open("attacker", 2_000);
    world.pass(20);
    world.open("attacker", 60, 8);
    world.pass(10);
    expect(world.of("attacker")).toBe(8);
  });

  test("cost an account with more links at most one reconnection each, however often they come", () => {
    world.open("fleet", 500);
    for (let attack = 0; attack < 20; attack++) {
      world.open("attacker", 100, 8);
      world.pass(12);
      if (attack === 0) world.open("fleet", world.cut.fleet ?? 0);
    }
    expect(world.of("attacker")).toBe(8);
    expect(world.cut.fleet).toBe(492);
    expect(world.of("fleet")).toBe(500);
  });

  test("of an account that has done so before are cut at the first look", () => {
    world.open("attacker", 100, 8);
    world.pass(6);
    world.open("attacker", 100, 8);
    world.pass(1);
    expect(world.of("attacker")).toBe(8);
  });

  test("of another account cost those nothing that were in doubt before", () => {
    world.open("fleet", 500);
    world.open("first", 100, 8);
    world.pass(12);
    expect(world.cut).toEqual({ fleet: 492, first: 92 });
    world.open("fleet", 492);
    world.open("second", 100, 8);
    world.pass(12);
    expect(world.cut).toEqual({ fleet: 492, first: 92, second: 92 });
  });

  test("are forgiven after ten minutes", () => {
    world.open("attacker", 100, 8);
    world.pass(6);
    world.nowMs += 10 * 60_000;
    world.open("attacker", 100, 8);
    world.pass(1);
    expect(world.of("attacker")).toBe(108);
  });

  test("leave links on which whole messages come", () => {
    const busy = world.open("attacker", 20);
    world.open("attacker", 100, 8);
    for (let i = 0; i < 5; i++) {
      for (const link of busy) link.messageMs = world.nowMs;
      world.pass(1);
    }
    expect(busy.every((link) => world.links.has(link))).toBe(true);
    expect(world.of("attacker")).toBe(28);
  });

  test("leave those links that run calls, and of the others those that sent a message last", () => {
    const calling = world.open("attacker", 5, 8, true);
    const silent = world.open("attacker", 100, 8);
    for (const link of silent.slice(3)) link.messageMs -= 1;
    world.pass(5);
    expect([...world.links]).toEqual([...calling, ...silent.slice(0, 3)]);
  });
});

describe("memory that grows for other reasons", () => {
  let world: World;

  beforeEach(() => {
    world = new World();
    world.open("fleet", 500);
    world.pass(1);
  });

  test("costs an account its connections once, and is taken for granted then", () => {
    world.otherMiB += 300;
    world.pass(10);
    world.open("fleet", 492);
    world.pass(1_000);
    expect(world.cut).toEqual({ fleet: 492 });
  });

  test("costs an account its connections once, however often others let it come and go", () => {
    for (let round = 0; round < 20; round++) {
      const held = ["one", "two", "three"].flatMap((account) => world.open(account, 8, 8));
      world.pass(8);
      for (const link of held) world.links.delete(link);
      world.pass(4);
      if (round === 0) world.open("fleet", 492);
    }
    expect(world.cut).toEqual({ fleet: 492 });
  });

  test("excuses an account whose links were cut for nothing up to what was not its, and no further", () => {
    const held = ["one", "two", "three"].flatMap((account) => world.open(account, 8, 8));
    world.pass(8);
    for (const link of held) world.links.delete(link);
    world.pass(4);
    world.open("fleet", 60, 8);
    world.pass(8);
    expect(world.of("fleet")).toBe(8);
  });

  test("costs nothing where it is the program's own objects", () => {
    world.objectsMiB += 2_000;
    world.pass(100);
    world.objectsMiB -= 1_900;
    world.pass(100);
    expect(world.cut).toEqual({});
  });

  test("costs nothing where it lasts for less than a second", () => {
    for (let i = 0; i < 10; i++) {
      world.otherMiB += 300;
      world.pass(3);
      world.otherMiB -= 300;
      world.pass(1);
    }
    expect(world.cut).toEqual({});
  });

  test("costs nothing where it is what the links themselves take", () => {
    for (let i = 0; i < 20; i++) {
      world.open("fleet", 1_000, 0.0095);
      world.pass(20);
    }
    expect(world.cut).toEqual({});
  });

  test("is seldom added up", () => {
    world.objectsMiB += 100;
    world.pass(300);
    expect(world.sums).toBeLessThan(15);
  });
});
