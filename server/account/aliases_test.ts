/** To which models a name leads, and in which order. */

import { describe, expect, test } from "bun:test";
import type { AliasTarget } from "../../api/mod.ts";
import { AliasSet } from "./aliases.ts";

type Written = (string | AliasTarget)[];

/** Aliases by name; a target without conditions is written as its model. */
function aliases(written: Record<string, Written>, shared: AliasSet | null = null): AliasSet {
  const definitions = Object.entries(written).map(([name, targets]) => ({
    name,
    targets: targets.map((target) => typeof target === "string" ? { model: target } : target),
  }));
  return new AliasSet(definitions, shared);
}

function models(set: AliasSet, name: string): string[] | undefined {
  return set.find(name)?.targets.map(({ model }) => model);
}

const order = { random: () => 0, callMs: () => null };

describe("a name", () => {
  const set = aliases({
    "gpt-4o*": ["a"],
    "gpt-4o-mini*": ["b"],
    "*-mini": ["c"],
    "gpt-4o": ["d"],
  });

  test.each([
    ["gpt-4o", "d"],
    ["gpt-4o-2024", "a"],
    ["gpt-4o-mini-2024", "b"],
    ["o1-mini", "c"],
  ])(
    "%s leads where its exact alias does, else where the most telling pattern does",
    (name, to) => {
      expect(models(set, name)).toEqual([to]);
      expect(models(set, name)).toEqual([to]);
    },
  );

  test("without alias or pattern leads nowhere", () => {
    expect(set.find("o1")).toBeNull();
    expect(aliases({}).find("o1")).toBeNull();
  });
});

describe("targets", () => {
  test("are followed through other aliases, and each model comes once", () => {
    const set = aliases({ fast: ["a", "big"], big: ["b", "a", "c"] });
    expect(models(set, "fast")).toEqual(["a", "b", "c"]);
  });

  test("have the conditions of all aliases on the way", () => {
    const set = aliases({
      outer: [{ model: "inner", context_at_least: 100, needs: ["tools"], max_wait_s: 2 }],
      inner: [{ model: "m", context_at_least: 50, needs: ["vision"], prefer: "own" }],
    });
    expect(set.find("outer")?.targets).toEqual([{
      model: "m",
      contextAtLeast: 100,
      needs: ["tools", "vision"],
      prefer: "own",
      maxWaitMs: 2000,
    }]);
  });

  test("with the alias's own name are the model of that name", () => {
    const set = aliases({ m: ["m", "n"] });
    expect(set.find("m")).toMatchObject({ problem: null });
    expect(models(set, "m")).toEqual(["m", "n"]);
  });

  test("are no patterns' business: only callers' names are", () => {
    const set = aliases({ "claude-*": ["llama"], smart: ["claude-3"] });
    expect(models(set, "smart")).toEqual(["claude-3"]);
  });

  test("of an account's alias are found among its own first, then among those for everybody", () => {
    const shared = aliases({ fast: ["a"], smart: ["b"], "x": ["fast"] });
    const own = aliases({ fast: ["mine", "fast"], all: ["fast", "smart"], via: ["x"] }, shared);
    expect(models(own, "fast")).toEqual(["mine", "a"]);
    expect(models(own, "all")).toEqual(["mine", "a", "b"]);
    // What an alias for everybody means does not depend on who asks.
    expect(models(own, "via")).toEqual(["a"]);
  });

  test("beside each other that have a weight come in a random order, the heavier more often first", () => {
    const set = aliases({
      split: [{ model: "a", weight: 1 }, { model: "b", weight: 3 }, "last"],
    });
    const first = (random: number) =>
      set.find("split")?.ordered({ ...order, random: () => random }).map(({ model }) => model);
    expect(first(0.2)).toEqual(["a", "b", "last"]);
    expect(first(0.3)).toEqual(["b", "a", "last"]);
    expect(first(0.99)).toEqual(["b", "a", "last"]);
  });

  test("beside each other that prefer the fastest come by measured speed, the unmeasured first", () => {
    const fastest = (model: string): AliasTarget => ({ model, prefer: "fastest" });
    const set = aliases({ quick: ["head", fastest("slow"), fastest("new"), fastest("fast")] });
    const speeds: Record<string, number> = { slow: 900, fast: 100 };
    const callMs = (model: string) => speeds[model] ?? null;
    expect(set.find("quick")?.ordered({ ...order, callMs }).map(({ model }) => model))
      .toEqual(["head", "new", "fast", "slow"]);
  });
});

describe("an alias has a problem", () => {
  test("if it leads back to itself", () => {
    const set = aliases({ a: ["m", "b"], b: ["c"], c: ["a"] });
    expect(set.find("a")?.problem).toBe('it leads back to itself: "a" → "b" → "c" → "a"');
    expect(set.find("a")?.fault).toEqual({ code: "loop", limit: null, way: ["a", "b", "c", "a"] });
  });

  test("if its chain is longer than eight", () => {
    const chain = (length: number) =>
      aliases(Object.fromEntries(
        Array.from({ length }, (_, i) => [`a${i}`, [i === length - 1 ? "m" : `a${i + 1}`]]),
      ));
    expect(chain(8).find("a0")?.problem).toBeNull();
    expect(chain(9).find("a0")?.problem).toStartWith("its chain is longer than 8 aliases");
    expect(chain(9).find("a1")?.problem).toBeNull();
  });

  test("if it leads to more models than one call could try, which costs no time to find out", () => {
    const wide = (name: string, next: string) => [name, Array.from({ length: 16 }, () => next)];
    const set = aliases(Object.fromEntries([
      wide("a", "b"),
      wide("b", "c"),
      wide("c", "d"),
      wide("d", "m"),
    ]));
    expect(set.find("a")?.problem).toBe("it leads to more than 64 models");
    expect(set.find("a")?.fault).toEqual({ code: "too_many_models", limit: 64, way: [] });
  });
});
