import { describe, expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { decodeV2, HEADER_BYTES } from "../../protocol/mod.ts";
import { Outbox, PIECE_BYTES, UNDER_WAY_BYTES } from "./outbox.ts";

/** An outbox whose pings the test answers. */
function outbox(underWayBytes?: number) {
  const sent: { stream: number; bytes: Uint8Array }[] = [];
  const pings: string[] = [];
  const out = new Outbox({
    send(frame) {
      const decoded = decodeV2(frame);
      if (decoded.kind !== "frame" || decoded.frame.type !== "body") throw new Error("no BODY");
      sent.push({ stream: decoded.frame.stream, bytes: decoded.frame.bytes.slice() });
    },
    ping: (text) => void pings.push(text),
  }, underWayBytes);
  /** Sends a body, its first part with the CALL. */
  const send = (stream: number, body: Uint8Array) => {
    const first = out.take(body);
    sent.push({ stream, bytes: first });
    out.add(stream, body, first.byteLength);
  };
  const sentBytes = () => sent.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  return { out, sent, pings, send, sentBytes };
}

describe("bodies that are sent to a node", () => {
  test("leave at once if they are small, and many of them share a ping", () => {
    const { send, sent, pings, out } = outbox();
    for (let stream = 1; stream <= 100; stream++) send(stream, new Uint8Array(1_000));
    expect(sent).toHaveLength(100);
    expect(pings).toEqual([]);
    expect(out.waitingBytes).toBe(0);
  });

  test("share one ping for each 128 KiB", () => {
    const { send, pings } = outbox();
    send(1, new Uint8Array(PIECE_BYTES - 1));
    expect(pings).toEqual([]);
    send(2, new Uint8Array(1));
    expect(pings).toEqual([String(PIECE_BYTES)]);
    send(3, new Uint8Array(PIECE_BYTES - 1));
    expect(pings).toHaveLength(1);
  });

  test("are pinged for while one waits, and not twice for the same bytes", () => {
    const { send, pings, out } = outbox(PIECE_BYTES);
    send(1, new Uint8Array(10));
    send(2, new Uint8Array(PIECE_BYTES));
    expect(pings).toEqual([String(PIECE_BYTES + 10)]);
    send(3, new Uint8Array(10));
    expect(out.waitingBytes).toBe(10);
    out.add(4, new Uint8Array(10), 0);
    expect(pings).toHaveLength(1);
  });

  test("need no ping of their own where the link has just sent one", () => {
    const { send, pings, out } = outbox();
    send(1, new Uint8Array(PIECE_BYTES - 1));
    expect(out.mark).toBe(String(PIECE_BYTES - 1));
    send(2, new Uint8Array(PIECE_BYTES - 1));
    expect(pings).toEqual([]);
  });

  test("stop at the limit in flight until the node has received them", () => {
    const { send, pings, sentBytes, out } = outbox();
    send(1, new Uint8Array(10 * UNDER_WAY_BYTES));
    expect(sentBytes()).toBe(UNDER_WAY_BYTES);
    expect(out.waitingBytes).toBe(9 * UNDER_WAY_BYTES);
    out.arrived(pings[0]!);
    expect(sentBytes()).toBe(UNDER_WAY_BYTES + PIECE_BYTES);
  });

  test("take turns", () => {
    const { send, sent, pings, out } = outbox();
    send(1, new Uint8Array(4 * UNDER_WAY_BYTES));
    send(2, new Uint8Array(2 * PIECE_BYTES));
    for (const mark of pings) out.arrived(mark);
    const streams = sent.map(({ stream }) => stream);
    expect(streams.slice(0, 9)).toEqual([1, 1, 1, 1, 2, 1, 2, 1, 2]);
  });

  test("are sent no further once their stream is dropped", () => {
    const { send, sent, pings, out } = outbox();
    send(1, new Uint8Array(4 * UNDER_WAY_BYTES));
    send(2, new Uint8Array(PIECE_BYTES));
    out.drop(1);
    expect(out.waitingBytes).toBe(PIECE_BYTES);
    for (const mark of pings) out.arrived(mark);
    expect(sent.slice(-1).map(({ stream }) => stream)).toEqual([2]);
    expect(out.waitingBytes).toBe(0);
  });

  test("are not sent on by pongs that carry no number, or too large a one", () => {
    const { send, sentBytes, out } = outbox();
    send(1, new Uint8Array(10 * UNDER_WAY_BYTES));
    for (const mark of ["", "nonsense", "-1", "Infinity", "1e300"]) out.arrived(mark);
    expect(sentBytes()).toBe(UNDER_WAY_BYTES);
  });

  test("all arrive whole and in order, whatever their sizes and whenever the node answers", () => {
    const sizes = fc.array(fc.nat({ max: 3 * UNDER_WAY_BYTES }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat({ max: 3 })), (sizes, skips) => {
        const { send, sent, pings, out } = outbox();
        const bodies = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
        let answered = 0;
        bodies.forEach((body, i) => {
          send(i + 1, body);
          // A node may answer the last ping only.
          if (skips.next().value === 0) out.arrived(pings[(answered = pings.length) - 1] ?? "");
        });
        while (answered < pings.length) out.arrived(pings[(answered = pings.length) - 1]!);
        bodies.forEach((body, i) => {
          const parts = sent.filter(({ stream }) => stream === i + 1).map(({ bytes }) => bytes);
          expect(Buffer.compare(Buffer.concat(parts), body)).toBe(0);
        });
        expect(out.waitingBytes).toBe(0);
        expect(Math.max(...sent.map(({ bytes }) => bytes.byteLength)) + HEADER_BYTES)
          .toBeLessThanOrEqual(PIECE_BYTES + HEADER_BYTES);
      }),
      { numRuns: 50 },
    );
  });
});
