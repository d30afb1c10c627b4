import { describe, expect, test } from "bun:test";
import {
  decode,
  decodeV2,
  DEFAULT_ENDPOINTS,
  encodeCallV2,
  encodeCancel,
  encodeJson,
  SUBPROTOCOL_V2,
} from "../../protocol/mod.ts";
import type { Adapter } from "../adapter/adapter.ts";
import { Connection } from "./connection.ts";
import { createNode } from "../node.ts";
import { Runner } from "../run/runner.ts";
import { type ClientSocket, realWorld } from "../world.ts";

/** What a node waits for HELLO, once a server has agreed to v2. */
const HELLO_WITHIN_MS = 1_500;

/** A socket in the test's hands. */
class FakeSocket implements ClientSocket {
  readonly bufferedAmount = 0;
  protocol = "";
  /** Every frame, as its wire and its type: `v1 REGISTER`, `v2 register`. */
  readonly said: string[] = [];
  closed: number | null = null;
  readonly #listeners = new Map<string, (event: unknown) => void>();

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.set(type, listener);
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    const decoded = typeof message === "string" ? decode(message) : decodeV2(message);
    if (decoded.kind !== "frame") throw new Error(`Sent ${decoded.kind}`);
    this.said.push(`${typeof message === "string" ? "v1" : "v2"} ${decoded.frame.type}`);
  }

  close(code = 1005, reason = ""): void {
    this.closed = code;
    this.happen("close", { code, reason });
  }

  happen(type: string, event: unknown = {}): void {
    this.#listeners.get(type)?.(event);
  }

  hear(message: string | Uint8Array): void {
    this.happen("message", {
      data: typeof message === "string" ? message : Uint8Array.from(message).buffer,
    });
  }
}

const silentAdapter: Adapter = {
  // deno-lint-ignore require-yield -- it is the upstream that never says a word
  async *answer({ signal }) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  },
};

function dial({ asksForV2 = true, agreesTo = SUBPROTOCOL_V2 as string } = {}) {
  const socket = new FakeSocket();
  const timers = new Set<{ delayMs: number; run: () => void }>();
  const asked: string[][] = [];
  let opened = 0;
  const world = {
    ...realWorld,
    connect: (_url: string, _headers: object, protocols: string[]) => {
      asked.push(protocols);
      return socket;
    },
    after: (delayMs: number, run: () => void) => {
      const timer = { delayMs, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const offer = { provider: "p", local: "m", endpoints: DEFAULT_ENDPOINTS, adapter: silentAdapter };
  const runner = new Runner({ catalogue: new Map([["m", [offer]]]), maxParallel: 2, world });
  const connection = new Connection({
    url: new URL("ws://gateway.example/ws"),
    token: "client-1",
    register: () => ({ max_parallel: 2, models: ["m"], node_id: "n1" }),
    runner,
    world,
    asksForV2,
    onOpen: () => void opened++,
  });
  socket.protocol = agreesTo;
  socket.happen("open");
  return {
    socket,
    connection,
    runner,
    asked,
    opened: () => opened,
    /** Rings the timers of that length. */
    ring: (delayMs: number) =>
      [...timers].filter((timer) => timer.delayMs === delayMs).forEach((timer) => timer.run()),
  };
}

const hello = encodeJson("hello", 0, { versions: [1, 2] });
const call = encodeCallV2(1, {
  id: "req-1",
  endpoint: "/v1/chat/completions",
  model: "m",
  stream: true,
  hide_usage: false,
}, new TextEncoder().encode("{}"))[0]!;

describe("which version of the wire a node speaks", () => {
  test("v2, once a server that has agreed to it says HELLO", () => {
    const { socket, asked, opened } = dial();
    expect(asked).toEqual([[SUBPROTOCOL_V2]]);
    expect(socket.said).toEqual([]);
    expect(opened()).toBe(0);
    socket.hear(hello);
    expect(socket.said).toEqual(["v2 register"]);
    expect(opened()).toBe(1);
  });

  test("v1 where no HELLO comes in time: some servers agree to any subprotocol", () => {
    const { socket, ring, opened } = dial();
    ring(HELLO_WITHIN_MS);
    expect(socket.said).toEqual(["v1 REGISTER"]);
    expect(opened()).toBe(1);
  });

  test("v1 at once where the first word is text, which is obeyed", () => {
    const { socket, ring, runner } = dial();
    socket.hear(`{"type":"CALL","data":{"request_id":"r","model":"m","payload":{}}}`);
    expect(socket.said).toEqual(["v1 REGISTER"]);
    expect(runner.active).toBe(1);
    ring(HELLO_WITHIN_MS);
    expect(socket.said).toEqual(["v1 REGISTER"]);
  });

  test("v1 at once where the server agrees to nothing", () => {
    const { socket } = dial({ agreesTo: "" });
    expect(socket.said).toEqual(["v1 REGISTER"]);
  });

  test("v1 where v2 was not asked for", () => {
    const { socket, asked } = dial({ asksForV2: false, agreesTo: "" });
    expect(asked).toEqual([[]]);
    expect(socket.said).toEqual(["v1 REGISTER"]);
  });
});

describe("a link in wire v2", () => {
  test("does not change its version for a text later on", () => {
    const { socket } = dial();
    socket.hear(hello);
    socket.hear(`{"type":"READY","data":{}}`);
    socket.hear(call);
    expect(socket.said).toEqual(["v2 register"]);
  });

  test("runs calls and stops them, and confirms it", async () => {
    const { socket, runner } = dial();
    socket.hear(hello);
    socket.hear(call);
    expect(runner.active).toBe(1);
    socket.hear(encodeCancel(1));
    await runner.idle();
    expect(socket.said).toEqual(["v2 register", "v2 error"]);
  });

  test("announces the node's state only once it was welcomed", () => {
    const { socket, connection } = dial();
    socket.hear(hello);
    connection.announce({ state: "draining" });
    expect(socket.said).toEqual(["v2 register"]);
    socket.hear(encodeJson("welcome", 0, {
      session: "s",
      node: "n",
      ping_ms: 1,
      silence_ms: 2,
      window_bytes: 3,
      max_frame_bytes: 1024,
    }));
    connection.announce({ state: "draining" });
    expect(socket.said).toEqual(["v2 register", "v2 status"]);
  });

  test("is ended after ten malformed frames in a row", () => {
    const { socket } = dial();
    socket.hear(hello);
    for (let i = 0; i < 9; i++) socket.hear("text");
    socket.hear(hello);
    for (let i = 0; i < 9; i++) socket.hear(new Uint8Array(1));
    expect(socket.closed).toBeNull();
    socket.hear(new Uint8Array(1));
    expect(socket.closed).toBe(4003);
  });

  test("tells in which time a leaving gateway wants to be left, and goes on until it ends", async () => {
    const { socket, connection } = dial();
    socket.hear(hello);
    socket.hear(encodeJson("goaway", 0, { reason: "restart", redial_within_ms: 9_000 }));
    expect(await connection.leaving).toMatchObject({ redialWithinMs: 9_000 });
    socket.hear(call);
    expect(socket.closed).toBeNull();
    socket.happen("close", { code: 1012, reason: "restart" });
    expect(await connection.ended).toMatchObject({ needsOwner: false });
  });

  test("is followed by another one after a random part of that time", async () => {
    const socket = new FakeSocket();
    const delays: number[] = [];
    const node = createNode({
      client_token: "client-1",
      server_url: "ws://gateway.example/ws",
      providers: [{ type: "openai", models: [{ local: "m" }] }],
    }, {
      connect: () => socket,
      after: (delayMs) => {
        delays.push(delayMs);
        return () => {};
      },
      random: () => 0.5,
      fetch: () => Promise.reject(new Error("no network")),
    });
    node.start();
    socket.protocol = SUBPROTOCOL_V2;
    socket.happen("open");
    socket.hear(hello);
    socket.hear(encodeJson("goaway", 0, { reason: "restart", redial_within_ms: 9_000 }));
    socket.happen("close", { code: 1012, reason: "restart" });
    await Bun.sleep(0);
    expect(delays).toContain(4_500);
    await node.stop();
  });
});
