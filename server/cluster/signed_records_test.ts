import { describe, expect, test } from "bun:test";
import { NewestStamps, SignedRecords } from "./signed_records.ts";

const SECRET = "s".repeat(32);

describe("a signed record", () => {
  const records = new SignedRecords(SECRET);
  const signed = records.sign("node a", { url: "x" });

  test("is read by all that know the secret", () => {
    expect(new SignedRecords(SECRET).read<unknown>("node a", signed)).toEqual({ url: "x" });
  });

  test("is not read at another place, under another secret, or changed in any byte", () => {
    expect(records.read("node b", signed)).toBeNull();
    expect(new SignedRecords("t".repeat(32)).read("node a", signed)).toBeNull();
    for (let i = 0; i < signed.length; i++) {
      const changed = signed.slice(0, i) + String.fromCharCode(signed.charCodeAt(i) ^ 1) +
        signed.slice(i + 1);
      expect(records.read("node a", changed)).toBeNull();
      expect(records.read("node a", signed.slice(0, i))).toBeNull();
    }
  });

  test("cannot be read with the end of its place as the beginning of its text", () => {
    const [signature] = records.sign("node", 12).split(" ");
    expect(records.read("node 1", `${signature} 2`)).toBeNull();
  });
});

describe("what a gateway has signed", () => {
  const NOW_MS = 1_000_000;
  const stamped = (n: number, at = NOW_MS) => ({ n, at, value: `${n}` });

  test("is taken once, and nothing older after it", () => {
    const stamps = new NewestStamps<string>();
    expect([2, 2, 1, 3].map((n) => stamps.take("gw", stamped(n), NOW_MS)))
      .toEqual([true, false, false, true]);
    expect(stamps.take("gw-2", stamped(1), NOW_MS)).toBe(true);
    expect([stamps.of("gw", NOW_MS), stamps.of("gw-2", NOW_MS)]).toEqual(["3", "1"]);
  });

  test("is refused when it is more than 15 s old, or as much ahead", () => {
    const stamps = new NewestStamps<string>();
    for (const offMs of [-15_001, 15_001, NaN]) {
      expect(stamps.take("gw", stamped(1, NOW_MS + offMs), NOW_MS)).toBe(false);
    }
    for (const [i, offMs] of [-15_000, 15_000].entries()) {
      expect(stamps.take("gw", stamped(i, NOW_MS + offMs), NOW_MS)).toBe(true);
    }
  });

  test("counts until it is 15 s old, and is then forgotten: its age alone keeps it out", () => {
    const stamps = new NewestStamps<string>();
    stamps.take("gw", stamped(5), NOW_MS);
    expect(stamps.of("gw", NOW_MS + 15_000)).toBe("5");
    expect(stamps.of("gw", NOW_MS + 15_001)).toBeUndefined();
    expect(stamps.take("gw-2", stamped(1, NOW_MS + 15_001), NOW_MS + 15_001)).toBe(true);
    expect(stamps.of("gw", NOW_MS)).toBeUndefined();
    expect(stamps.take("gw", stamped(5), NOW_MS + 15_001)).toBe(false);
  });
});
