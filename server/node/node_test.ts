import { describe, expect, test } from "bun:test";
import { Node } from "./node.ts";
import type { Penalty } from "./penalty.ts";

function node(models: string[], active = 0, isDraining = false): Node {
  const who = { publicId: "a", nodeKey: "key/a", accountId: "owner", keyId: "key" };
  const offer = { name: "a", agent: null, maxParallel: 2, models };
  const connection = { start: () => null, close() {} };
  return new Node(who, offer, connection, 0, null, { active, isDraining });
}

function penalty(model: string | null, until: number, isOver = false): Penalty {
  return { model, until, isOver, code: "node_lost", reason: `failed until ${until}`, faults: 1 };
}

describe("the public view of a node", () => {
  test("shows whether it has a free slot", () => {
    expect(node(["m"], 1).view([])).toMatchObject({ state: "ready", penalties: [] });
    expect(node(["m"], 2).view([])).toMatchObject({ state: "busy", penalized: false });
  });

  test("shows the penalty of one model, while the others are ready", () => {
    expect(node(["m", "n"]).view([penalty("m", 5)])).toMatchObject({
      state: "ready",
      penalties: [{ model: "m", reason: "failed until 5", until: 5 }],
      penalized: false,
      penalty_reason: null,
      penalized_until: null,
    });
  });

  test("shows it as penalised when each of its models is, and until when", () => {
    expect(node(["m", "n"]).view([penalty("m", 5), penalty("n", 3)])).toMatchObject({
      state: "penalized",
      penalized: true,
      penalty_reason: "failed until 3",
      penalized_until: 3,
    });
  });

  test("judges it by the models that it shows", () => {
    const isListed = (model: string) => model !== "hidden";
    const view = (penalties: Penalty[]) =>
      node(["m", "hidden"]).view(penalties, "other", false, isListed);
    expect(view([penalty("m", 5)])).toMatchObject({ state: "penalized", penalized_until: 5 });
    expect(view([penalty("m", 5, true)]).state).toBe("probing");
    expect(view([penalty("hidden", 5)])).toMatchObject({ state: "ready", penalties: [] });
  });

  test("shows the whole node's penalty before that of a model", () => {
    expect(node(["m"]).view([penalty("m", 3), penalty(null, 5)])).toMatchObject({
      state: "penalized",
      penalized_until: 5,
    });
  });

  test("shows it as probing when its penalty is over and no call has succeeded", () => {
    expect(node(["m"], 1).view([penalty(null, 3, true)])).toMatchObject({
      state: "probing",
      penalties: [{ model: null, until: 3 }],
      penalized: false,
    });
    expect(node(["m", "n"]).view([penalty("m", 3, true), penalty("n", 9)]).state).toBe("probing");
    expect(node(["m", "n"]).view([penalty("m", 3, true)]).state).toBe("ready");
  });

  test("shows that it drains, before all else", () => {
    const leaving = node(["m"], 2, true);
    expect(leaving.view([penalty(null, 3)])).toMatchObject({ state: "draining", draining: true });
  });
});

test("its owner and administrators see how many slots a node has earned, and no one else", () => {
  const one = node(["m"]);
  const ownerId = one.who.accountId;
  expect(one.view([], ownerId).share).toBe(one.share);
  expect(one.view([], null, true).share).toBe(one.share);
  expect([one.view([]).share, one.view([], "another").share]).toEqual([null, null]);
});
