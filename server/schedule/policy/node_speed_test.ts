import { describe, expect, test } from "bun:test";
import { seeded } from "../../base/testing/random.ts";
import { NodeSpeed } from "./node_speed.ts";

/** A model server as a gateway sees it. */
interface Server {
  /** Until the first token of a call that runs alone: `baseMs`, and a time for each character but those around the prompt. */
  baseMs: number;
  msPerChar: number;
  /** Of a request that are not read. */
  aroundChars?: number;
  /** Of prompts: the median, and the spread of its logarithm. */
  chars: readonly [median: number, sigma: number];
  /** Of the time to the first token. */
  noise: number;
  /** By how much one more running call delays it. */
  slowdown?: number;
  /** The part of the first tokens that come several times as late. */
  accidents?: number;
}

const TOKENS = 100;
const MS_PER_TOKEN = 25;

/** Learns so many answers; `expected` sees each before it is learned. */
function run(
  server: Server,
  answers: number,
  speed = new NodeSpeed(),
  seed = 1,
  expected: (firstMs: number, realMs: number) => void = () => {},
): NodeSpeed {
  const { baseMs, msPerChar, aroundChars = 0, chars: [median, sigma] } = server;
  const { noise, slowdown = 0, accidents = 0 } = server;
  const random = seeded(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  for (let i = 0; i < answers; i++) {
    const read = median * Math.exp(sigma * normal());
    const running = 1 + Math.floor(random() * 4);
    const late = random() < accidents ? 3 + 5 * random() : 1;
    const firstMs = (baseMs + msPerChar * read) * (1 + slowdown * (running - 1)) *
      Math.exp(noise * normal()) * late;
    const work = { chars: aroundChars + read, tokens: TOKENS, running };
    expected(speed.expected(work).firstMs, firstMs);
    const durationMs = firstMs + TOKENS * MS_PER_TOKEN * (1 + 0.2 * (running - 1));
    speed.learn({ ...work, claimedTokens: TOKENS, firstMs, durationMs });
  }
  return speed;
}

/** By how much first tokens are off after the first 50 answers: the median, as a part of the real times. */
function medianError(server: Server): number {
  const errors: number[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    let answers = 0;
    run(server, 300, new NodeSpeed(), seed, (expectedMs, realMs) => {
      if (++answers > 50) errors.push(Math.abs(expectedMs - realMs) / realMs);
    });
  }
  return errors.sort((a, b) => a - b)[errors.length >> 1]!;
}

describe("the first token is expected within a quarter of its time", () => {
  const servers: Readonly<Record<string, Server>> = {
    "of short prompts, where the overhead is most of it": {
      baseMs: 150,
      msPerChar: 0.25,
      chars: [80, 0.7],
      noise: 0.25,
      accidents: 0.05,
    },
    "of short prompts within requests of which the most is not read": {
      baseMs: 10,
      msPerChar: 1.5,
      aroundChars: 95,
      chars: [25, 0.9],
      noise: 0.25,
    },
    "of short prompts of about one length": {
      baseMs: 150,
      msPerChar: 0.25,
      chars: [80, 0.2],
      noise: 0.2,
      accidents: 0.05,
    },
    "of calls that delay each other": {
      baseMs: 80,
      msPerChar: 1,
      chars: [80, 0.7],
      noise: 0.1,
      slowdown: 0.5,
      accidents: 0.03,
    },
    "of short and very long prompts": {
      baseMs: 150,
      msPerChar: 0.25,
      chars: [300, 1.5],
      noise: 0.15,
      slowdown: 0.2,
      accidents: 0.03,
    },
  };
  for (const [what, server] of Object.entries(servers)) {
    test(what, () => expect(medianError(server)).toBeLessThan(0.25));
  }
});

test("short prompts do not make a node look as if it read long ones for ages", () => {
  const server: Server = { baseMs: 150, msPerChar: 0.25, chars: [80, 0.7], noise: 0.1 };
  const realMs = 150 + 0.25 * 8_000;
  expect(run(server, 200).readMs(8_000)).toBeLessThan(1.5 * realMs);
});

test("a node whose first tokens come five times later is known for it after six answers", () => {
  const server: Server = { baseMs: 150, msPerChar: 0.25, chars: [400, 0.7], noise: 0.1 };
  const slower = { ...server, baseMs: 750, msPerChar: 1.25 };
  const speed = run(server, 100);
  const before = speed.readMs(400);
  expect(run(slower, 6, speed).readMs(400)).toBeGreaterThan(2.5 * before);
});

test("a single first token that comes ten times later changes little", () => {
  const server: Server = { baseMs: 150, msPerChar: 0.25, chars: [400, 0.7], noise: 0.1 };
  const speed = run(server, 100);
  const before = speed.readMs(400);
  speed.learn({
    chars: 400,
    tokens: TOKENS,
    claimedTokens: TOKENS,
    running: 1,
    firstMs: 2_500,
    durationMs: 5_000,
  });
  expect(speed.readMs(400)).toBeLessThan(1.1 * before);
});

test("a node that stalls every third first token is not expected to end as soon as one that does not", () => {
  const server: Server = { baseMs: 150, msPerChar: 0.25, chars: [400, 0.7], noise: 0.1 };
  const speed = run(server, 100);
  const work = { chars: 400, tokens: TOKENS, running: 1 };
  const before = speed.expected(work);
  for (let i = 0; i < 90; i++) {
    const firstMs = i % 3 === 2 ? 20_000 : 250;
    const durationMs = firstMs + TOKENS * MS_PER_TOKEN;
    speed.learn({ ...work, claimedTokens: TOKENS, firstMs, durationMs });
  }
  const { firstMs, endMs } = speed.expected(work);
  expect(endMs - before.endMs).toBeGreaterThan(4_000);
  expect(firstMs).toBeLessThan(1.6 * before.firstMs);
});
