import { describe, expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { WholeEvents } from "./whole_events.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LONG = `data: "${"x".repeat(70_000)}"\n\n`;

/** What is passed on with each piece, and what is left at the end. */
function through(...pieces: string[]) {
  let passed = "";
  const events = new WholeEvents((more) => passed += textIn(more));
  const out = pieces.map((piece) => {
    passed = "";
    events.add(encoder.encode(piece));
    return passed;
  });
  const rest = events.takeRest();
  return { out, rest: rest && decoder.decode(rest), isCut: events.isCut };
}

function textIn(events: string | Uint8Array): string {
  return typeof events === "string" ? events : decoder.decode(events);
}

describe("whole events", () => {
  test("are passed on as received, several at a time", () => {
    const out: unknown[] = [];
    const events = new WholeEvents((more) => void out.push(more));
    const pieces = [encoder.encode("data: 1\n\ndata: 2\n\n"), "data: 3\n\n"];
    for (const piece of pieces) events.add(piece);
    expect(out.every((piece, i) => piece === pieces[i])).toBe(true);
    expect([out.length, events.takeRest()]).toEqual([2, null]);
  });

  test("are waited for, with any kind of line end", () => {
    for (const end of ["\n\n", "\r\n\r\n", "\r\r"]) {
      const { out, rest } = through(`data: 1${end}da`, "ta: 2", end.slice(0, 1), end.slice(1));
      expect(out).toEqual([`data: 1${end}`, "", "", `data: 2${end}`]);
      expect(rest).toBeNull();
    }
  });

  test("are passed on complete and in order, wherever the bytes are cut", () => {
    const text = fc.array(fc.constantFrom("data: é\n\n", ": x\n\n", "event: a\ndata: 🙂\n\n"));
    fc.assert(fc.property(text, fc.array(fc.nat(40)), (parts, sizes) => {
      const wire = encoder.encode(parts.join(""));
      const out: string[] = [];
      const events = new WholeEvents((more) => void out.push(textIn(more)));
      let at = 0;
      for (const size of [...sizes, wire.length]) {
        if (at < wire.length) events.add(wire.subarray(at, at + size));
        at += size;
      }
      expect(out.join("")).toBe(parts.join(""));
      expect(out.every((piece) => piece.endsWith("\n\n"))).toBe(true);
    }));
  });

  test("that are too long to be held are passed on in parts, which `isCut` tells until they end", () => {
    const middle = 66_000;
    const { out, isCut } = through(LONG.slice(0, middle));
    expect([out, isCut]).toEqual([[LONG.slice(0, middle)], true]);
    const ended = through(LONG.slice(0, middle), LONG.slice(middle), "data: 1\n\n");
    expect(ended).toMatchObject({ rest: null, isCut: false });
    expect(ended.out.join("")).toBe(`${LONG}data: 1\n\n`);
  });

  test("that come in many small pieces are held up to the limit", () => {
    const piece = "x".repeat(1_000);
    const { out, rest, isCut } = through("data: ", ...Array.from({ length: 66 }, () => piece));
    expect(out.map((part) => part.length)).toEqual([...Array(66).fill(0), 66_006]);
    expect([rest, isCut]).toEqual([null, true]);
    const whole = through(
      "data: ",
      ...Array.from({ length: 70 }, () => piece),
      "\n\n",
      "data: 1\n\n",
    );
    expect(whole.out.slice(67)).toEqual([piece, piece, piece, piece, "\n\n", "data: 1\n\n"]);
    expect(whole.isCut).toBe(false);
  });

  test("may begin directly after one that was too long", () => {
    const { out, rest, isCut } = through(LONG.slice(0, 66_000), `${LONG.slice(66_000)}data: 1`);
    expect(out.join("")).toBe(LONG);
    expect([rest, isCut]).toEqual(["data: 1", false]);
  });
});
