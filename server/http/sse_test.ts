import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Server } from "bun";
import { connect, type Socket } from "node:net";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { SseBody } from "./sse.ts";

const limits = { keepAliveMs: 10_000, stallMs: 30_000, maxBufferedBytes: 1_000_000 };
const CHUNK = "x".repeat(64 * 1024);

/** What a body reports of its reader. */
type Report = "tooSlow" | "drained" | "gone" | "ending";

let server: Server<undefined>;
let clock: FakeClock;
let body: SseBody;
let reports: Report[];
let onReport: () => void;
/** What the handler does before it returns the response. */
let first: () => void;
/** The reader's progress, as the kernel would tell it. */
let progress: string | null;

beforeEach(() => {
  progress = null;
  clock = new FakeClock();
  reports = [];
  onReport = () => {};
  first = () => {};
  const report = (what: Report) => () => {
    reports.push(what);
    onReport();
  };
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: () => {
      body = new SseBody(
        clock,
        limits,
        {
          tooSlow: report("tooSlow"),
          drained: report("drained"),
          gone: report("gone"),
        },
        { ending: report("ending"), progress: () => Promise.resolve(progress) },
        true,
      );
      first();
      return new Response(body.stream, { headers: { "content-type": "text/event-stream" } });
    },
  });
});
afterEach(() => server.stop(true));

/** A reader over a real socket, which can stop reading. */
class Reader {
  bytes = 0;
  text = "";
  readonly socket: Socket = connect(server.port!, "127.0.0.1");
  #wake: () => void = () => {};

  constructor() {
    this.socket.on("data", (data) => {
      this.bytes += data.length;
      this.text += data;
      this.#wake();
    });
    this.socket.on("close", () => this.#wake());
    this.socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  }

  /** The received body, once `isEnough` accepts it. */
  async until(isEnough: (text: string) => boolean): Promise<string> {
    while (!isEnough(this.#body)) {
      if (this.socket.closed) throw new Error(`The body ended with: ${this.#body.slice(-200)}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#body;
  }

  async ended(): Promise<string> {
    while (!this.socket.closed) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#body;
  }

  /** The body without the chunk sizes of HTTP. */
  get #body(): string {
    const start = this.text.indexOf("\r\n\r\n");
    if (start < 0) return "";
    const parts = this.text.slice(start + 4).replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, "");
    return parts.replace(/\r\n$/, "");
  }
}

/** A reader that has read the first event and reads on. */
async function reading(): Promise<Reader> {
  first = () => body.write("data: 1\n\n");
  const reader = new Reader();
  await reader.until((text) => text === "data: 1\n\n");
  expect(reports.splice(0)).toEqual(["drained"]);
  return reader;
}

/** A reader that has stopped reading, once the body has noticed; with all that was written. */
async function stalled(): Promise<{ reader: Reader; written: string }> {
  const reader = await reading();
  reader.socket.pause();
  let written = "data: 1\n\n";
  for (let i = 0; !body.isStalled; i++) {
    if (i > 1000) throw new Error("64 MiB were written, and the reader does not stall");
    const event = `data: ${i} ${CHUNK}\n\n`;
    written += event;
    body.write(event);
    // Lets the kernel take what it can.
    await Bun.sleep(0);
  }
  return { reader, written };
}

async function reported(what: Report): Promise<void> {
  while (!reports.includes(what)) await new Promise<void>((resolve) => onReport = resolve);
}

describe("a body of server-sent events", () => {
  test("carries what is written, in order, as text and as bytes, until its end", async () => {
    const reader = await reading();
    body.write("data: é\n\n");
    body.write(new TextEncoder().encode("data: 3\n\n"));
    body.end();
    expect(await reader.ended()).toBe("data: 1\n\ndata: é\n\ndata: 3\n\n");
    expect(body.deliveredChunks).toBe(3);
    expect(reports).toEqual(["ending"]);
  });

  test("keeps what is written before the reader asks", async () => {
    first = () => {
      body.write("data: 1\n\n");
      body.write(new TextEncoder().encode("data: 2\n\n"));
    };
    const reader = new Reader();
    await reader.until((text) => text === "data: 1\n\ndata: 2\n\n");
    body.end();
    await reader.ended();
  });

  test("may end before the reader asks", async () => {
    first = () => {
      body.write("data: all\n\n");
      body.end();
    };
    expect(await new Reader().ended()).toBe("data: all\n\n");
    expect(reports).toEqual(["ending"]);
  });

  test("takes nothing after its end", async () => {
    const reader = await reading();
    body.end();
    body.write("data: late\n\n");
    body.comment();
    body.end();
    expect(await reader.ended()).toBe("data: 1\n\n");
    expect(body.deliveredChunks).toBe(1);
  });

  test("sends a comment when nothing was written for a while", async () => {
    const reader = await reading();
    await clock.pass(limits.keepAliveMs / 2);
    body.write("data: 2\n\n");
    await clock.pass(limits.keepAliveMs - 1);
    body.write("data: 3\n\n");
    await clock.pass(limits.keepAliveMs);
    await clock.pass(limits.keepAliveMs);
    const expected = "data: 1\n\ndata: 2\n\ndata: 3\n\n: keep-alive\n\n: keep-alive\n\n";
    expect(await reader.until((text) => text.length >= expected.length)).toBe(expected);
    expect(body.deliveredChunks).toBe(3);
    body.end();
    await reader.ended();
    expect(clock.pending).toBe(0);
  });
});

describe("an event that comes in parts", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test("is never split by a comment", async () => {
    const reader = await reading();
    body.write(bytes("data: 2\n\nda"));
    await clock.pass(limits.keepAliveMs);
    await reader.until((text) => text.includes(": keep-alive"));
    body.write(bytes("ta: 3\n\n"));
    body.end();
    expect(await reader.ended()).toBe("data: 1\n\ndata: 2\n\n: keep-alive\n\ndata: 3\n\n");
  });

  test("is dropped when the answer breaks off, and the error is an event of its own", async () => {
    const reader = await reading();
    body.write(bytes("data: 2"));
    expect(body.last).toBe("data: 1\n\n");
    body.breakOff("data: error\n\n");
    expect(await reader.ended()).toBe("data: 1\n\ndata: error\n\n");
  });

  test("and is too long to be held is ended first, and is not split by a comment either", async () => {
    const reader = await reading();
    const long = `data: ${"x".repeat(70_000)}`;
    body.write(bytes(long));
    await clock.pass(limits.keepAliveMs);
    body.breakOff("data: error\n\n");
    const text = await reader.ended();
    expect(text === `data: 1\n\n${long}\n\ndata: error\n\n`).toBe(true);
  });

  test("is ended with its answer", async () => {
    const reader = await reading();
    body.write(bytes("data: 2"));
    body.end("data: [DONE]\n\n");
    expect(await reader.ended()).toBe("data: 1\n\ndata: 2\n\ndata: [DONE]\n\n");
    expect(body.deliveredChunks).toBe(2);
  });
});

describe("a reader that stops reading", () => {
  test("is noticed, and nothing that was written is lost when it reads on", async () => {
    const { reader, written } = await stalled();
    const held = `data: held ${CHUNK}\n\n`;
    body.write(held);
    expect(reports).toEqual([]);
    reader.socket.resume();
    await reported("drained");
    expect(body.isStalled).toBe(false);
    body.write("data: last\n\n");
    body.end();
    const text = await reader.ended();
    const expected = written + held + "data: last\n\n";
    // Lengths first, because a difference of megabytes is unreadable.
    expect(text.length).toBe(expected.length);
    expect(text === expected).toBe(true);
    expect(reports).toEqual(["drained", "ending"]);
    expect(clock.pending).toBe(0);
  });

  test("is too slow once more is held for it than may be", async () => {
    const { reader } = await stalled();
    const fits = Math.floor(limits.maxBufferedBytes / CHUNK.length);
    for (let i = 0; i < fits; i++) body.write(CHUNK);
    expect(reports).toEqual([]);
    body.write(CHUNK);
    expect(reports).toEqual(["tooSlow"]);
    reader.socket.destroy();
  });

  test("has not been delivered what it has not taken when its answer breaks off", async () => {
    const { reader } = await stalled();
    const taken = [body.deliveredBytes, body.deliveredChunks];
    body.write("data: held\n\n");
    body.write("data: too\n\n");
    expect(body.deliveredChunks).toBe(taken[1]! + 2);
    body.breakOff("data: error\n\n");
    expect([body.deliveredBytes, body.deliveredChunks]).toEqual(taken);
    reader.socket.destroy();
  });

  test("is too slow once it has taken nothing for too long", async () => {
    const { reader } = await stalled();
    await clock.pass(limits.stallMs - 1);
    expect(reports).toEqual([]);
    await clock.pass(1);
    expect(reports).toEqual(["tooSlow"]);
    reader.socket.destroy();
  });

  test("has its full time again after each pause", async () => {
    const { reader } = await stalled();
    await clock.pass(limits.stallMs - 1);
    reader.socket.resume();
    await reported("drained");
    await clock.pass(limits.stallMs);
    expect(reports).toEqual(["drained"]);
    body.end();
    await reader.ended();
  });
});

describe("a reader whose machine is known to take bytes", () => {
  test("is not too slow, however long it takes", async () => {
    const { reader } = await stalled();
    for (let taken = 0; taken < 100; taken++) {
      progress = String(taken);
      await clock.pass(limits.stallMs * 0.9);
    }
    expect(reports).toEqual([]);
    reader.socket.destroy();
  });

  test("is too slow once its progress has stopped for too long", async () => {
    const { reader } = await stalled();
    progress = "some";
    await clock.pass(limits.stallMs / 3);
    progress = "more";
    await clock.pass(limits.stallMs / 3);
    await clock.pass(limits.stallMs - 1);
    expect(reports).toEqual([]);
    await clock.pass(1);
    expect(reports).toEqual(["tooSlow"]);
    reader.socket.destroy();
  });

  test("may take the end of its body as slowly, while it makes progress", async () => {
    const { reader } = await stalled();
    body.end();
    for (let taken = 0; taken < 10; taken++) {
      progress = String(taken);
      await clock.pass(limits.stallMs * 0.9);
    }
    expect(reports).toEqual([]);
    await clock.pass(2 * limits.stallMs);
    expect(reports).toEqual(["ending"]);
    reader.socket.destroy();
  });
});

/** A body that no reader has asked for yet. */
function unread() {
  const seen: Report[] = [];
  const report = (what: Report) => () => void seen.push(what);
  const body = new SseBody(clock, limits, {
    tooSlow: report("tooSlow"),
    drained: report("drained"),
    gone: report("gone"),
  }, { ending: report("ending"), progress: () => Promise.resolve(null) });
  return { body, seen };
}

describe("a reader that has not begun to read", () => {
  test("counts as stalled until it does", async () => {
    const { body, seen } = unread();
    body.write("data: 1\n\n");
    expect(body.isStalled).toBe(true);
    const text = new Response(body.stream).text();
    body.end();
    expect(await text).toBe("data: 1\n\n");
    expect(seen).toEqual(["drained", "ending"]);
    expect(body.deliveredChunks).toBe(1);
  });

  test("is too slow when it never does, or when more is held for it than may be", async () => {
    const late = unread();
    late.body.write("data: 1\n\n");
    await clock.pass(limits.stallMs);
    expect(late.seen).toEqual(["tooSlow"]);
    const much = unread();
    much.body.write("x".repeat(2 * limits.maxBufferedBytes));
    for (let held = 0; held <= limits.maxBufferedBytes; held += CHUNK.length) {
      expect(much.seen).toEqual([]);
      much.body.write(CHUNK);
    }
    expect(much.seen).toEqual(["tooSlow"]);
  });
});

describe("a reader that leaves", () => {
  test("is reported, and what is written afterwards goes nowhere", async () => {
    const reader = await reading();
    reader.socket.destroy();
    await reported("gone");
    body.write("data: late\n\n");
    body.comment();
    body.end();
    expect(body.deliveredChunks).toBe(1);
    await clock.pass(10 * limits.keepAliveMs);
    expect(reports).toEqual(["gone"]);
    expect(clock.pending).toBe(0);
  });

  test("during a stall is reported, and its stall time is not waited for", async () => {
    const { reader } = await stalled();
    reader.socket.destroy();
    await reported("gone");
    await clock.pass(2 * limits.stallMs);
    expect(reports).not.toContain("tooSlow");
    expect(clock.pending).toBe(0);
  });
});
