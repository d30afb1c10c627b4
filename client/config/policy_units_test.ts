import { describe, expect, test } from "bun:test";
import {
  parseBytes,
  parseCount,
  parseDuration,
  parseHours,
  parseLoad,
  parsePower,
} from "./policy_units.ts";

test("durations have a unit from seconds to days", () => {
  expect(["30s", "10m", "1.5h", "2 d"].map(parseDuration)).toEqual([
    30_000,
    600_000,
    5_400_000,
    172_800_000,
  ]);
  expect(["10", "m", "-1m", "10 minutes", ""].map(parseDuration)).toEqual(Array(5).fill(null));
});

test("sizes have a unit, decimal or binary", () => {
  expect(["4GiB", "500 MB", "1.5KiB"].map(parseBytes)).toEqual([4 * 2 ** 30, 500e6, 1536]);
  expect(["4", "4G", "GiB", "-1GB"].map(parseBytes)).toEqual(Array(4).fill(null));
});

test("counts are whole and at least one, with k and M for thousands and millions", () => {
  expect(["2M", "1.5k", 200, "1"].map(parseCount)).toEqual([2_000_000, 1500, 200, 1]);
  expect(["0", 0, -5, "0.5", 1.5, "2G", "many"].map(parseCount)).toEqual(Array(7).fill(null));
});

test("a load is an upper bound in percent", () => {
  expect(["< 70%", "<5 %", "< 100%"].map(parseLoad)).toEqual([0.7, 0.05, 1]);
  expect(["70%", "> 70%", "< 0%", "< 101%", "< 70"].map(parseLoad)).toEqual(Array(5).fill(null));
});

test("power is mains, or a charge that a battery can exceed", () => {
  expect(parsePower("mains")).toEqual({ kind: "mains" });
  expect(parsePower("battery > 60%")).toEqual({ kind: "battery", abovePercent: 60 });
  expect(["battery", "battery < 60%", "battery > 100%", "solar"].map(parsePower)).toEqual(
    Array(4).fill(null),
  );
});

describe("hours", () => {
  const of = (text: string) => {
    const hours = parseHours(text);
    return hours && { ...hours, days: [...hours.days].sort() };
  };

  test("name days, a time or both", () => {
    expect(of("mon-fri 19:00-07:00")).toEqual({
      days: [1, 2, 3, 4, 5],
      startMinute: 19 * 60,
      endMinute: 7 * 60,
    });
    expect(of("sat-sun")).toEqual({ days: [0, 6], startMinute: 0, endMinute: 24 * 60 });
    expect(of("Mon,wed 8:30-12:00")?.days).toEqual([1, 3]);
    expect(of("22:00-06:00")?.days).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(of("fri-mon")?.days).toEqual([0, 1, 5, 6]);
    expect(of("18:00-24:00")?.endMinute).toEqual(24 * 60);
  });

  test("that no clock or calendar has are refused", () => {
    const wrong = [
      "25:00-26:00",
      "10:60-11:00",
      "10:00-10:00",
      "24:00-06:00",
      "10:00",
      "mo-fr",
      "",
    ];
    expect(wrong.map(parseHours)).toEqual(Array(wrong.length).fill(null));
    expect(["mon-wed-fri", "mon tue", "mon 10-12", "10:00-24:30"].map(parseHours)).toEqual(
      Array(4).fill(null),
    );
  });
});
