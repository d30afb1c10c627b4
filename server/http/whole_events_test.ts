import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { WholeEvents } from "./whole_events.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LONG = `data: "${"x".repeat(70_000)}"\n\n`;

/** What is let through of each piece, and what is left at the end. */
function through(...pieces: string[]) {
  const events = new WholeEvents();
  const out = pieces.map((piece) => {
    const taken = events.take(encoder.encode(piece));
    return taken === null ? null : decoder.decode(taken as Uint8Array);
  });
  const rest = events.rest();
  return { out, rest: rest && decoder.decode(rest), isCut: events.isCut };
}

describe("whole events", () => {
  test("are let through as they come, several at a time", () => {
    const events = new WholeEvents();
    const piece = encoder.encode("data: 1\n\ndata: 2\n\n");
    expect(events.take(piece)).toBe(piece);
    expect(events.take("data: 3\n\n")).toBe("data: 3\n\n");
    expect(events.rest()).toBeNull();
  });

  test("are waited for, whatever their line ends", () => {
    for (const end of ["\n\n", "\r\n\r\n", "\r\r"]) {
      const { out, rest } = through(`data: 1${end}da`, "ta: 2", end.slice(0, 1), end.slice(1));
      expect(out).toEqual([`data: 1${end}`, null, null, `data: 2${end}`]);
      expect(rest).toBeNull();
    }
  });

  test("are the same bytes in the same order, and nothing but wholes, however they are cut", () => {
    const text = fc.array(fc.constantFrom("data: é\n\n", ": x\n\n", "event: a\ndata: 🙂\n\n"));
    fc.assert(fc.property(text, fc.array(fc.nat(40)), (parts, sizes) => {
      const wire = encoder.encode(parts.join(""));
      const events = new WholeEvents();
      const out: string[] = [];
      let at = 0;
      for (const size of [...sizes, wire.length]) {
        const taken = events.take(wire.subarray(at, at + size));
        if (taken !== null && taken.length > 0) out.push(decoder.decode(taken as Uint8Array));
        at += size;
      }
      expect(out.join("")).toBe(parts.join(""));
      expect(out.every((piece) => piece.endsWith("\n\n"))).toBe(true);
    }));
  });

  test("too long to be waited for go out in parts, and that is known until they have ended", () => {
    const middle = 66_000;
    const { out, isCut } = through(LONG.slice(0, middle));
    expect([out, isCut]).toEqual([[LONG.slice(0, middle)], true]);
    const ended = through(LONG.slice(0, middle), LONG.slice(middle), "data: 1\n\n");
    expect(ended).toMatchObject({ rest: null, isCut: false });
    expect(ended.out.join("")).toBe(`${LONG}data: 1\n\n`);
  });

  test("may begin right behind one that was too long", () => {
    const { out, rest, isCut } = through(LONG.slice(0, 66_000), `${LONG.slice(66_000)}data: 1`);
    expect(out.join("")).toBe(LONG);
    expect([rest, isCut]).toEqual(["data: 1", false]);
  });
});
