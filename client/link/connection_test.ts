import { describe, expect, test } from "bun:test";
import {
  DEFAULT_ENDPOINTS,
  encodeCallV2,
  encodeCancel,
  encodeJson,
  type ShareWith,
  SUBPROTOCOL_V2,
} from "../../protocol/mod.ts";
import type { Adapter } from "../adapter/adapter.ts";
import { Connection } from "./connection.ts";
import { Runner } from "../run/runner.ts";
import { fixedCatalogue } from "../testing/fixed_catalogue.ts";
import { FakeSocket, FakeWorld, settled, welcomeV2 } from "../testing/fake_world.ts";

/** What a node waits for HELLO, once a server has agreed to v2. */
const HELLO_WITHIN_MS = 1_500;

const silentAdapter: Adapter = {
  // deno-lint-ignore require-yield -- it is the upstream that never says a word
  async *answer({ signal }) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  },
};

interface DialOptions {
  asksForV2?: boolean;
  agreesTo?: string;
  opens?: boolean;
  shareWith?: ShareWith;
}

function dial(
  { asksForV2 = true, agreesTo = SUBPROTOCOL_V2, opens = true, shareWith = "everyone" }:
    DialOptions = {},
) {
  const world = new FakeWorld();
  let registered = 0;
  const offer = { provider: "p", local: "m", endpoints: DEFAULT_ENDPOINTS, adapter: silentAdapter };
  const runner = new Runner({ catalogue: fixedCatalogue({ m: [offer] }), maxParallel: 2, world });
  const connection = new Connection({
    url: new URL("ws://gateway.example/ws"),
    token: "client-1",
    register: () => ({ max_parallel: 2, models: ["m"], node_id: "n1", share_with: shareWith }),
    runner,
    world,
    asksForV2,
    onRegistered: () => void registered++,
  });
  const [socket] = world.sockets as [FakeSocket];
  socket.protocol = agreesTo;
  if (opens) socket.emit("open");
  return { world, socket, connection, runner, registered: () => registered };
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
    const { socket, registered } = dial();
    expect(socket.protocols).toEqual([SUBPROTOCOL_V2]);
    expect(socket.sent).toEqual([]);
    expect(registered()).toBe(0);
    socket.receive(hello);
    expect(socket.sent).toEqual(["v2 register"]);
    expect(registered()).toBe(0);
    socket.receive(welcomeV2());
    expect(registered()).toBe(1);
  });

  test("v1 where no HELLO comes in time: some servers agree to any subprotocol", async () => {
    const { world, socket, registered } = dial();
    await world.pass(HELLO_WITHIN_MS - 1);
    expect(socket.sent).toEqual([]);
    await world.pass(1);
    expect(socket.sent).toEqual(["v1 REGISTER"]);
    expect(registered()).toBe(1);
  });

  test("v1 at once where the first word is text, which is obeyed", async () => {
    const { world, socket, runner } = dial();
    socket.receive(`{"type":"CALL","data":{"request_id":"r","model":"m","payload":{}}}`);
    expect(socket.sent).toEqual(["v1 REGISTER"]);
    expect(runner.active).toBe(1);
    await world.pass(HELLO_WITHIN_MS);
    expect(socket.sent).toEqual(["v1 REGISTER"]);
  });

  test("v1 at once where the server agrees to nothing", () => {
    const { socket } = dial({ agreesTo: "" });
    expect(socket.sent).toEqual(["v1 REGISTER"]);
  });

  test("v1 where v2 was not asked for", () => {
    const { socket } = dial({ asksForV2: false, agreesTo: "" });
    expect(socket.protocols).toEqual([]);
    expect(socket.sent).toEqual(["v1 REGISTER"]);
  });
});

describe("a link in wire v2", () => {
  test("does not change its version for a text later on", () => {
    const { socket } = dial();
    socket.receive(hello);
    socket.receive(`{"type":"READY","data":{}}`);
    socket.receive(call);
    expect(socket.sent).toEqual(["v2 register"]);
  });

  test("runs calls and stops them, and confirms it", async () => {
    const { socket, runner } = dial();
    socket.receive(hello);
    socket.receive(call);
    expect(runner.active).toBe(1);
    socket.receive(encodeCancel(1));
    await runner.idle();
    expect(socket.sent).toEqual(["v2 register", "v2 error"]);
  });

  test("announces the node's state only once it was welcomed", () => {
    const { socket, connection } = dial();
    socket.receive(hello);
    connection.announceStatus({ state: "draining" });
    expect(socket.sent).toEqual(["v2 register"]);
    socket.receive(encodeJson("welcome", 0, {
      session: "s",
      node: "n",
      ping_ms: 1,
      silence_ms: 2,
      window_bytes: 3,
      max_frame_bytes: 1024,
    }));
    connection.announceStatus({ state: "draining" });
    expect(socket.sent).toEqual(["v2 register", "v2 status", "v2 status"]);
  });

  test("is ended after ten malformed frames in a row", () => {
    const { socket } = dial();
    socket.receive(hello);
    for (let i = 0; i < 9; i++) socket.receive("text");
    socket.receive(hello);
    for (let i = 0; i < 9; i++) socket.receive(new Uint8Array(1));
    expect(socket.closed).toBeNull();
    socket.receive(new Uint8Array(1));
    expect(socket.closed?.code).toBe(4003);
  });

  test("reports the time within which a leaving gateway wants nodes to redial, and goes on until it ends", async () => {
    const { socket, connection } = dial();
    socket.receive(hello);
    socket.receive(encodeJson("goaway", 0, { reason: "restart", redial_within_ms: 9_000 }));
    expect(await connection.leaving).toMatchObject({ redialWithinMs: 9_000 });
    socket.receive(call);
    expect(socket.closed).toBeNull();
    socket.emit("close", { code: 1012, reason: "restart" });
    expect(await connection.ended).toMatchObject({ needsOwner: false });
  });
});

describe("a link that opens", () => {
  test("is waited for up to 20 seconds, and an open that comes later counts for nothing", async () => {
    const { world, socket, connection, registered } = dial({ opens: false });
    await world.pass(19_999);
    expect(socket.isTerminated).toBe(false);
    await world.pass(1);
    expect(socket.isTerminated).toBe(true);
    expect(await connection.ended).toEqual({
      reason: "cannot connect: the server does not answer; check server_url and firewalls",
      needsOwner: false,
      livedMs: 0,
      session: null,
    });
    socket.emit("open");
    expect(registered()).toBe(0);
    expect(world.nextTimerMs).toBeNull();
  });

  test("in time is not cut by that limit", async () => {
    const { world, socket } = dial({ agreesTo: "" });
    await world.pass(19_999);
    socket.emit("pong");
    await world.pass(10_001);
    expect(socket.isTerminated).toBe(false);
  });

  test("says nothing before it is open, nor after its end", () => {
    const { socket, connection } = dial({ opens: false });
    connection.send("{}");
    socket.protocol = "";
    socket.emit("open");
    expect(socket.sent).toEqual(["v1 REGISTER"]);
    socket.emit("close", { code: 1006, reason: "" });
    connection.send("{}");
    connection.announceOffer();
    expect(socket.sent).toEqual(["v1 REGISTER"]);
  });
});

describe("a link that ends", () => {
  test("says why: what the socket reported where it never opened, else its close code", async () => {
    const unopened = dial({ opens: false });
    unopened.socket.emit("error", { message: "Expected 101 status code: 404" });
    unopened.socket.emit("close", { code: 1006, reason: "" });
    expect((await unopened.connection.ended).reason).toContain("no gateway at this path (404)");
    const open = dial({ agreesTo: "" });
    open.socket.emit("error", { message: "Expected 101 status code: 404" });
    open.socket.emit("close", { code: 1012, reason: "" });
    expect((await open.connection.ended).reason).toBe("disconnected: the gateway is restarting");
  });

  test("says how long it was open", async () => {
    const { world, socket, connection } = dial({ opens: false });
    await world.pass(3_000);
    socket.emit("open");
    await world.pass(7_000);
    socket.emit("close", { code: 1006, reason: "" });
    expect(await connection.ended).toMatchObject({ livedMs: 7_000 });
  });

  test("stops its own calls, once", async () => {
    const { socket, runner } = dial();
    socket.receive(hello);
    socket.receive(call);
    socket.emit("close", { code: 1006, reason: "" });
    socket.emit("close", { code: 1006, reason: "" });
    await settled();
    expect(runner.active).toBe(0);
    expect(runner.totals).toEqual({ served: 0, failed: 1 });
  });

  test("takes no call that is read after its end", () => {
    const { socket, runner } = dial();
    socket.receive(hello);
    socket.emit("close", { code: 1006, reason: "" });
    socket.receive(call);
    expect(runner.active).toBe(0);
  });

  test("leaves no timer behind", () => {
    const { world, socket } = dial();
    socket.receive(hello);
    expect(world.nextTimerMs).not.toBeNull();
    socket.emit("close", { code: 1006, reason: "" });
    expect(world.nextTimerMs).toBeNull();
  });
});

describe("a close", () => {
  test("that the gateway does not answer within two seconds is followed by hanging up", async () => {
    const { world, socket, connection } = dial({ agreesTo: "" });
    socket.answersClose = false;
    connection.close(1000, "bye");
    connection.close(1000, "bye again");
    await world.pass(1_999);
    expect(socket.isTerminated).toBe(false);
    await world.pass(1);
    expect(socket.isTerminated).toBe(true);
    expect(await connection.ended).toMatchObject({ reason: "bye again", needsOwner: false });
  });

  test("that the gateway answers ends the link, and a second one is not sent", () => {
    const { world, socket, connection } = dial({ agreesTo: "" });
    connection.close(1000, "bye");
    connection.close(4000, "again");
    expect(socket.closed).toEqual({ code: 1000, reason: "bye" });
    expect(world.nextTimerMs).toBeNull();
  });

  test("where the runtime cannot hang up closes the socket instead", async () => {
    const { world, socket } = dial({ opens: false });
    Object.assign(socket, { terminate: undefined });
    await world.pass(20_000);
    expect(socket.closed?.code).toBe(1005);
  });
});

describe("a silent link", () => {
  const silent = () => {
    const dialled = dial({ agreesTo: "", opens: false });
    dialled.socket.answersPings = false;
    dialled.socket.emit("open");
    return dialled;
  };

  test("is probed by pings, at once and every ten seconds, and cut soon after 20 seconds", async () => {
    const { world, socket, connection } = silent();
    await world.pass(21_999);
    expect(socket.pings).toBe(3);
    expect(socket.isTerminated).toBe(false);
    await world.pass(1);
    expect(socket.isTerminated).toBe(true);
    expect((await connection.ended).reason).toContain("the gateway sent nothing");
  });

  for (const sign of ["ping", "pong", "message"]) {
    test(`is not silent where a ${sign} comes`, async () => {
      const { world, socket } = silent();
      await world.pass(21_999);
      socket.emit(sign, { data: '{"type":"READY","data":{}}' });
      await world.pass(20_000);
      expect(socket.isTerminated).toBe(false);
    });
  }

  test("where the runtime cannot ping carries a message instead, and is never cut for its silence", async () => {
    const { world, socket } = silent();
    Object.assign(socket, { ping: undefined });
    const sent = socket.sent.length;
    socket.send = (message) => void socket.sent.push(String(message));
    await world.pass(10_000);
    expect(socket.sent.slice(sent)).toEqual(['{"type":"PING","data":{}}']);
  });
});

describe("a link that takes no more", () => {
  const HIGH_WATER_BYTES = 4 * 1024 * 1024;
  const LOW_WATER_BYTES = 1024 * 1024;

  test("holds answers back above 4 MiB, until it is down to 1 MiB", async () => {
    const { world, socket, connection } = dial({ agreesTo: "" });
    const { signal } = new AbortController();
    socket.bufferedAmount = HIGH_WATER_BYTES;
    expect(connection.drained(signal)).toBeNull();
    socket.bufferedAmount++;
    let isDrained = false;
    void connection.drained(signal)!.then(() => isDrained = true);
    await world.pass(1_000);
    socket.bufferedAmount = LOW_WATER_BYTES + 1;
    await world.pass(1_000);
    expect(isDrained).toBe(false);
    socket.bufferedAmount = LOW_WATER_BYTES;
    await world.pass(20);
    expect(isDrained).toBe(true);
  });

  test("is cut once a gateway that reads nothing has sent more calls than a node can have slots", () => {
    for (const wire of [1, 2]) {
      const { socket, runner } = dial({ agreesTo: wire === 2 ? SUBPROTOCOL_V2 : "" });
      if (wire === 2) socket.receive(hello);
      const unreadable = wire === 2
        ? encodeCallV2(2, {
          id: "r",
          endpoint: "/v1/chat/completions",
          model: "m",
          stream: true,
          hide_usage: false,
        }, new TextEncoder().encode("no"))[0]!
        : `{"type":"CALL","data":{"request_id":"r","model":"m","payload":{"Model":"x"}}}`;
      const flood = (calls: number) => {
        for (let i = 0; i < calls; i++) socket.receive(unreadable);
      };
      flood(11_000);
      socket.bufferedAmount = HIGH_WATER_BYTES + 1;
      flood(10_000);
      expect(socket.isTerminated).toBe(false);
      flood(1);
      expect(socket.isTerminated).toBe(true);
      expect(runner.active).toBe(0);
      const before = socket.sent.length;
      flood(1);
      expect(socket.sent).toHaveLength(before);
    }
  });

  test("lets go of a call that was cancelled, and of all when it ends", async () => {
    const { world, socket, connection } = dial({ agreesTo: "" });
    socket.bufferedAmount = HIGH_WATER_BYTES + 1;
    const caller = new AbortController();
    const cancelled = connection.drained(caller.signal)!;
    caller.abort();
    await cancelled;
    const lost = connection.drained(new AbortController().signal)!;
    socket.emit("close", { code: 1006, reason: "" });
    await world.pass(20);
    await lost;
  });
});

describe("a gateway that is too old to keep to share_with", () => {
  test("is offered nothing in v2, and the log says why", () => {
    const { world, socket, connection } = dial({ shareWith: ["group:lab"] });
    socket.receive(hello);
    expect(socket.data[0]).toMatchObject({ models: [], share_with: ["group:lab"] });
    expect(connection.isWithheld).toBe(true);
    expect(world.logged.join()).toContain("too old to honour share_with");
  });

  test("is offered nothing in v1", () => {
    const { socket, connection } = dial({ agreesTo: "", shareWith: "me" });
    expect(socket.data[0]).toEqual({ max_parallel: 2, models: [], node_id: "n1" });
    expect(connection.isWithheld).toBe(true);
  });

  test("is offered everything by a node for everyone", () => {
    const { socket, connection } = dial();
    socket.receive(hello);
    expect(socket.data[0]).toMatchObject({ models: ["m"] });
    expect(connection.isWithheld).toBe(false);
  });

  test("differs from one that says in HELLO that it keeps to it", () => {
    const { socket, connection } = dial({ shareWith: ["group:lab"] });
    socket.receive(encodeJson("hello", 0, { versions: [1, 2], takes_share_with: true }));
    expect(socket.data[0]).toMatchObject({ models: ["m"], share_with: ["group:lab"] });
    expect(connection.isWithheld).toBe(false);
  });
});
