/** docs/wire-v2.md specifies the wire: its frames must be golden ones, and its numbers those of the program. */

import { describe, expect, test } from "bun:test";
import golden from "../protocol/golden/v2.json" with { type: "json" };
import {
  CALL_HEADERS,
  CloseCode,
  decodeV2,
  endpointSpecs,
  FrameTypeV2,
  HEADER_BYTES,
  MAX_BYTES_BESIDE_CALLS,
  MAX_CONTROL_BYTES,
  MAX_FRAME_BYTES,
  MAX_JSON_DEPTH,
  MAX_MALFORMED_IN_A_ROW,
  MIN_FRAME_BYTES,
  MIN_IGNORED_BYTES,
  RELAYED_HEADERS,
  SUBPROTOCOL_V2,
  WINDOW_BYTES,
} from "../protocol/mod.ts";
import { settingsHelp } from "../server/base/config.ts";
import { UNDER_WAY_BYTES } from "../server/node/outbox.ts";
import { readMarkdown } from "./harness/markdown.ts";

const page = readMarkdown("docs/wire-v2.md");

/** Each frame that is shown in hex, with the block before it. */
const shown = page.fences.flatMap(({ language, text }, i) =>
  language === "hex" ? [{ hex: text.replaceAll(/\s/g, ""), before: page.fences[i - 1]! }] : []
);

/** The cells of the row with this beginning, in the table whose head has this beginning. */
function row(head: string, first: string): string[] {
  const tables = page.tables.filter(([cells]) => cells?.[0] === head);
  const found = tables.flat().find(([cell]) => cell?.startsWith(first));
  if (found === undefined) throw new Error(`${page.path}: no row "${first}" below "${head}"`);
  return found;
}

describe("docs/wire-v2.md", () => {
  test("shows golden frames only, and one of every type", () => {
    const known = new Map(golden.map(({ hex, frame }) => [hex.replaceAll(" ", ""), frame]));
    expect(shown.filter(({ hex }) => !known.has(hex))).toEqual([]);
    const types: string[] = shown.map(({ hex }) => known.get(hex)!.type);
    expect(new Set(types)).toEqual(new Set(Object.keys(FrameTypeV2)));
  });

  test("shows each JSON object above its bytes", () => {
    const pairs = shown.filter(({ before }) => before.language === "json");
    expect(pairs.length).toBeGreaterThan(12);
    for (const { hex, before } of pairs) {
      const decoded = decodeV2(Uint8Array.fromHex(hex));
      const frame = decoded.kind === "frame" ? decoded.frame : null;
      expect(frame !== null && "data" in frame && frame.data).toEqual(JSON.parse(before.text));
    }
  });

  test("has every type with its number, and the end that sends it", () => {
    for (const [name, type] of Object.entries(FrameTypeV2)) {
      const [, number, direction] = row("frame", `\`${name}\``);
      expect(number).toBe(String(type));
      const senders = new Set(
        golden.filter(({ frame }) => frame.type === name).map(({ from }) => from),
      );
      const other = { node: "gateway", gateway: "node" } as const;
      const [only] = senders as Set<"node" | "gateway">;
      expect(direction).toBe(senders.size === 2 ? "both" : `${only} → ${other[only!]}`);
    }
  });

  test("draws the header as long as it is", () => {
    expect(page.prose).toContain(`a header of ${HEADER_BYTES} bytes`);
    expect(page.prose).toContain(`subprotocol \`${SUBPROTOCOL_V2}\``);
  });

  test("names every header that callers may see", () => {
    const limits = page.inlineCode.flatMap((code) => {
      const [, family, first, second] = /^(\w+-ratelimit)-\{(.*?)\}-\{(.*?)\}$/.exec(code) ?? [];
      if (!first || !second) return [];
      return first.split(",").flatMap((a) => second.split(",").map((b) => `${family}-${a}-${b}`));
    });
    const others = page.inlineCode.filter((code) => RELAYED_HEADERS.has(code));
    expect(new Set([...limits, ...others])).toEqual(new Set(RELAYED_HEADERS.keys()));
  });

  test("names every header of callers that nodes get", () => {
    const [, names = ""] = row("member", "`headers`");
    expect(new Set(names.match(/[a-z]+-[a-z]+/g))).toEqual(new Set(CALL_HEADERS));
  });

  test("has every endpoint, and how its streams end", () => {
    const yes = (is: boolean | undefined) => is === undefined ? "" : is ? "yes" : "no";
    for (const { path, stream } of Object.values(endpointSpecs)) {
      expect(row("endpoint", `\`${path}\``).slice(1)).toEqual([
        yes(stream !== null),
        yes(stream?.endsWithDone),
        yes(stream?.isUsageOptional),
      ]);
    }
  });

  const limits: [what: string, numbers: number[]][] = [
    ["a frame, header included", [MIN_FRAME_BYTES, MAX_FRAME_BYTES]],
    ["JSON in a frame", [MAX_CONTROL_BYTES, MAX_JSON_DEPTH]],
    ["STREAM without CREDIT", [WINDOW_BYTES]],
    ["STREAM for a stream that has ended", [WINDOW_BYTES]],
    ["bodies ahead of what pongs confirm", [UNDER_WAY_BYTES]],
    ["bytes that belong to no call in a minute", [MAX_BYTES_BESIDE_CALLS, MIN_IGNORED_BYTES]],
    ["malformed frames in a row", [MAX_MALFORMED_IN_A_ROW - 1]],
  ];
  for (const [what, numbers] of limits) {
    test(`states the limit of ${what}`, () => {
      const stated = [...row("what", what)[1]!.matchAll(/\d[\d,]*/g)].map(([number]) =>
        Number(number.replaceAll(",", ""))
      );
      expect(stated).toEqual(numbers);
    });
  }

  test("states the defaults of the settings that it names", () => {
    const defaults = settingsHelp().split("\n").map((line) => line.trim().split(/\s{2,}/));
    const named = page.rows.flatMap((cells) =>
      cells.flatMap((cell) => [...cell.matchAll(/([\d,]+) (\S+) \(`(COLINK_\w+)`\)/g)])
    );
    expect(named.length).toBeGreaterThan(3);
    const units: Record<string, number> = { s: 1, MiB: 1024 * 1024 };
    for (const [, number, unit, setting] of named) {
      const [, fallback] = defaults.find(([name]) => name === setting)!;
      const settingUnit = setting!.endsWith("_MB") ? units.MiB! : 1;
      expect(Number(number) * units[unit!]!).toBe(Number(fallback) * settingUnit);
    }
  });

  test("names only close codes of the protocol or of WebSocket", () => {
    const named = [...page.prose.matchAll(/\b(?:4\d{3}|10[01]\d)\b(?! bytes)/g)].map(Number);
    const known: number[] = [...Object.values(CloseCode), 1009];
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((code) => !known.includes(code))).toEqual([]);
  });

  test("has the right numbers in its example of credit", () => {
    const [, ...steps] = page.tables.find(([head]) => head?.[2] === "balance")!;
    let account = 0;
    for (const [what = "", sent = "", left = ""] of steps) {
      if (what === "CALL comes") account = WINDOW_BYTES;
      account += number(/CREDIT ([\d,]+)/.exec(what)?.[1]) - number(sent);
      expect(account).toBeGreaterThanOrEqual(0);
      if (left !== "") expect(number(left)).toBe(account);
    }
  });
});

/** Reads a number with digit groups; an empty text is 0. */
function number(text = ""): number {
  return Number(text.replaceAll(",", ""));
}
