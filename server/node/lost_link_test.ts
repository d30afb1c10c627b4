import { describe, expect, test } from "bun:test";
import {
  encodeJson,
  encodeMissing,
  type FrameV2,
  MAX_KEPT_PER_STREAM,
  type RegisterV2,
  type Welcome,
} from "../../protocol/mod.ts";
import { finish, head, text } from "../../protocol/testing/frames.ts";
import { bodyOf, call, type FakeSocket, LinkHarness } from "./testing/link_harness.ts";

const RESUME_MS = 30_000;

/** A node whose session can be resumed, over one socket after the other. */
class Node {
  readonly harness: LinkHarness;
  socket: FakeSocket;
  welcome: Welcome;

  constructor(
    options: ConstructorParameters<typeof LinkHarness>[0] = {},
    private readonly offer: Partial<RegisterV2> = {},
  ) {
    this.harness = new LinkHarness(options);
    this.socket = this.dial();
    this.welcome = this.register({}).welcome;
  }

  get ticket(): NonNullable<RegisterV2["resume"]> {
    const { session, secret } = this.welcome;
    return { session, secret: secret! };
  }

  dial(dialer: Parameters<LinkHarness["dial"]>[0] = {}): FakeSocket {
    return this.harness.dial({ wire: 2, ...dialer });
  }

  /** Registers on the socket; returns what comes then, and the WELCOME in it. */
  register(resume: RegisterV2["resume"], socket = this.socket) {
    socket.messages.length = 0;
    this.harness.register(socket, { ...this.offer, resume } as never);
    const { frames } = socket;
    const welcome = frames.find((frame): frame is Extract<FrameV2, { type: "welcome" }> =>
      frame.type === "welcome"
    );
    return { frames, welcome: welcome!.data };
  }

  send(...frames: Uint8Array[]): void {
    for (const frame of frames) this.harness.bytes(this.socket, frame);
  }

  lose(code = 1006): void {
    this.harness.gone(this.socket, code);
  }

  comeBack() {
    this.socket = this.dial();
    return this.register(this.ticket);
  }

  get inHub() {
    return [...this.harness.hub.nodes()];
  }
}

const stream = { stream: true, wantsUsage: true };

describe("a node whose link is lost", () => {
  test("stays in the hub, gets no calls, and says until when it may come back", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.lose();
    const [inHub] = node.inHub;
    expect(inHub!.view([])).toMatchObject({ state: "reconnecting" });
    expect(inHub!.reconnectsUntil! - node.harness.clock.now()).toBe(RESUME_MS);
    expect(call(node.harness, stream).running).toBeNull();
    expect(received.failures).toEqual([]);
    expect(node.harness.observed.some((event) => event.startsWith("left"))).toBe(false);
  });

  test("that comes back is the same node, ready at once, and its calls go on", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.send(head(1), text(1, "a"));
    node.lose();
    const { frames, welcome } = node.comeBack();
    expect(frames.map(({ type }) => type)).toEqual(["resume", "welcome"]);
    expect(welcome).toEqual({ ...node.welcome, resumed: true });
    expect(node.inHub[0]!.view([]).state).toBe("ready");
    node.send(text(1, "b"), finish(1));
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
    expect(node.harness.observed.filter((event) => /^connected/.test(event))).toHaveLength(1);
  });

  test("that does not come back in time is lost, with its calls", async () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.send(head(1), text(1, "a"));
    node.lose();
    await node.harness.clock.pass(RESUME_MS - 1);
    expect(received.failures).toEqual([]);
    await node.harness.clock.pass(1);
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
    expect(node.inHub).toEqual([]);
    expect(node.harness.observed.at(-1)).toBe("left public:key/n1 1006");
    expect(node.comeBack().welcome.resumed).toBeUndefined();
  });

  for (const code of [1000, 1009, 4003]) {
    test(`by a close with ${code} is lost at once`, () => {
      const node = new Node();
      const { received } = call(node.harness, stream);
      node.send(head(1));
      node.lose(code);
      expect(received.failures).toMatchObject([{ kind: "lost" }]);
      expect(node.inHub).toEqual([]);
    });
  }

  for (const code of [1001, 1005, 1006, 1011]) {
    test(`by a close with ${code}, as a proxy gives, is waited for`, () => {
      const node = new Node();
      node.lose(code);
      expect(node.inHub).toHaveLength(1);
    });
  }

  test("is not waited for where it did not ask, where the gateway keeps no sessions, or once it was asked to leave", () => {
    const older = new LinkHarness();
    const socket = older.dial({ wire: 2 });
    older.register(socket);
    older.gone(socket);
    expect(older.ids).toEqual([]);

    const off = new Node({ resumeMs: 0 });
    expect(off.welcome.secret).toBeUndefined();
    off.lose();
    expect(off.inHub).toEqual([]);

    const leaving = new Node();
    leaving.harness.links.goAway("restart", 1_000);
    leaving.lose();
    expect(leaving.inHub).toEqual([]);
  });

  test("after it was asked to leave comes back to its calls where it says that it can, and is asked again", () => {
    const node = new Node();
    node.register({ after_goaway: true });
    const { received } = call(node.harness, stream);
    node.send(head(1), text(1, "a"));
    node.harness.links.goAway("restart", 1_000);
    // At another gateway it is another session.
    node.harness.links.challenge(node.inHub[0]!);
    expect(node.inHub).toEqual([]);
    for (let times = 0; times < 2; times++) {
      node.lose();
      const { frames, welcome } = node.comeBack();
      expect(frames.map(({ type }) => type)).toEqual(["resume", "welcome", "goaway"]);
      expect(welcome).toMatchObject({ resumed: true, after_goaway: true });
      expect(node.inHub).toEqual([]);
    }
    node.send(text(1, "b"), finish(1));
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
    node.lose();
    expect(node.harness.links.size).toBe(0);
  });

  test("after it was asked to leave and does not come back loses its calls when its time is over", async () => {
    const node = new Node();
    node.register({ after_goaway: true });
    const { received } = call(node.harness, stream);
    node.send(head(1));
    node.harness.links.goAway("restart", 1_000);
    node.lose();
    await node.harness.clock.pass(RESUME_MS - 1);
    expect(received.failures).toEqual([]);
    await node.harness.clock.pass(1);
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
    expect(node.harness.links.size).toBe(0);
  });

  test("after it was asked to leave loses its calls as soon as another run of its program connects anywhere", () => {
    for (const where of ["here", "elsewhere"]) {
      for (const moved of [false, true]) {
        const node = new Node({}, { instance: "i1" });
        node.register({ after_goaway: true });
        const { received } = call(node.harness, stream);
        const { links } = node.harness;
        node.send(head(1));
        links.goAway("restart", 1_000);
        if (moved) links.challenge(node.inHub[0]!);
        node.lose();
        links.startedAs("key/n1", "i1", 0);
        links.startedAs("key/n1", undefined, 0);
        links.startedAs("key/n1", "i2", 1);
        links.startedAs("key/n2", "i2", 0);
        links.startedAs("key/n11", "i2", 0);
        expect([where, moved, received.failures]).toEqual([where, moved, []]);
        if (where === "elsewhere") links.startedAs("key/n1#1", "i2", 0);
        else node.harness.register(node.dial(), { instance: "i2", resume: {} } as never);
        expect(received.failures).toMatchObject([{ kind: "restarted" }]);
      }
    }
  });

  test("gets no session at a gateway that leaves: its link is closed, and those of others go on", () => {
    const node = new Node();
    node.register({ after_goaway: true });
    const { received } = call(node.harness, stream);
    const { dialer } = node.socket.data;
    node.harness.links.goAway("restart", 1_000);
    expect(node.harness.links.mayResumeFor(dialer)).toBe(true);
    expect(node.harness.links.mayResumeFor({ ...dialer, accountId: "another" })).toBe(false);
    expect(node.harness.links.mayResumeFor({ ...dialer, keyFamily: "another" })).toBe(false);
    for (const resume of [{}, { session: node.welcome.session, secret: "guessed" }]) {
      const newcomer = node.dial();
      node.harness.register(newcomer, { resume } as never);
      expect(newcomer.closed).toMatchObject({ code: 1012 });
      node.harness.gone(newcomer, 1012);
    }
    node.send(head(1), text(1, "a"), finish(1));
    expect(received).toMatchObject({ data: ["a"], finished: 1 });
  });

  test("that wants its session or nothing gets no other one", () => {
    const node = new Node();
    const newcomer = node.dial();
    const resume = { session: node.welcome.session, secret: "stale", or_close: true };
    node.harness.register(newcomer, { resume } as never);
    expect(newcomer.closed).toMatchObject({ code: 4002 });
    expect(node.inHub).toHaveLength(1);
  });

  test("and whose gateway begins to leave meanwhile comes back to its calls, and is asked to leave then", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.send(head(1), text(1, "a"));
    node.lose();
    node.harness.links.goAway("restart", 1_000);
    const { frames } = node.comeBack();
    expect(frames.map(({ type }) => type)).toEqual(["resume", "welcome", "goaway"]);
    node.send(text(1, "b"), finish(1));
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
    node.lose();
    expect(node.inHub).toEqual([]);
  });

  test("and whose program restarts is lost at once: the calls are gone, and no node is blamed", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.send(head(1));
    node.lose();
    node.socket = node.dial();
    expect(node.register({}).welcome.node).toBe("public:key/n1");
    expect(received.failures).toMatchObject([{ kind: "restarted" }]);
    expect(node.inHub).toHaveLength(1);
  });

  test("and whose program restarts for the third time within a minute is at fault", async () => {
    const node = new Node();
    const restart = () => {
      const { received } = call(node.harness, stream);
      node.send(head(node.socket.frames.length));
      node.lose();
      node.socket = node.dial();
      node.register({});
      return received.failures.map(({ kind }) => kind);
    };
    node.register({});
    const kinds = () => [restart(), restart(), restart()].flat();
    expect(kinds()).toEqual(["restarted", "restarted", "lost"]);
    await node.harness.clock.pass(60_000);
    expect(kinds()).toEqual(["restarted", "restarted", "lost"]);
  });

  test("and whose program restarts without calls has lost none: that is not counted", () => {
    const node = new Node();
    for (let i = 0; i < 10; i++) {
      node.lose();
      node.socket = node.dial();
      node.register({});
    }
    const { received } = call(node.harness, stream);
    node.send(head(1));
    node.lose();
    node.socket = node.dial();
    node.register({});
    expect(received.failures).toMatchObject([{ kind: "restarted" }]);
  });

  test("before it has said a word since WELCOME had none of its calls: no node is blamed", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.lose();
    node.socket = node.dial();
    node.register({});
    expect(received.failures).toMatchObject([{ kind: "interrupted" }]);
  });

  test("and that has come to another gateway instead is lost at once", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.send(head(1), text(1, "a"));
    node.lose();
    node.harness.links.challenge(node.inHub[0]!);
    expect(received.failures).toMatchObject([{ kind: "restarted" }]);
    expect(node.inHub).toEqual([]);
    expect(node.comeBack().welcome.resumed).toBeUndefined();
  });

  test("whose token is revoked meanwhile is lost at once", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.send(head(1));
    node.lose();
    node.harness.links.closeKeys(new Set(["key"]));
    expect(node.inHub).toEqual([]);
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
    expect(node.comeBack().welcome.resumed).toBeUndefined();
  });

  test("and that comes back with another offer has it", async () => {
    const node = new Node();
    node.lose();
    node.socket = node.dial();
    node.socket.messages.length = 0;
    const more = { models: ["m", "n"], resume: node.ticket };
    node.harness.register(node.socket, more as never);
    await node.harness.clock.pass(100);
    expect(node.harness.hub.models()).toEqual(["m", "n"]);
  });

  test("leaves its caller free to go: it learns of that when it is back", () => {
    const node = new Node();
    const { received, running } = call(node.harness, stream);
    node.send(head(1), text(1, "a"));
    node.lose();
    running!.cancel();
    const [resume] = node.comeBack().frames;
    expect(resume).toMatchObject({ type: "resume", state: { isCancelled: true } });
    node.send(encodeJson("error", 1, { code: 499, message: "Stopped" }));
    expect(received.failures).toMatchObject([{ kind: "refused" }]);
  });

  test("keeps no call with a body that is too long to be kept", () => {
    const node = new Node();
    const body = bodyOf(`{"x":"${"x".repeat(MAX_KEPT_PER_STREAM)}"}`);
    const long = call(node.harness, { ...stream, body });
    const short = call(node.harness, { ...stream, attemptId: "req-2" });
    node.lose();
    expect(long.received.failures).toMatchObject([{ kind: "interrupted" }]);
    expect(short.received.failures).toEqual([]);
  });
});

describe("who resumes a session", () => {
  const wrong: [what: string, ticket: (node: Node) => RegisterV2["resume"]][] = [
    ["a wrong secret", ({ ticket }) => ({ ...ticket, secret: "wrong" })],
    ["the secret of another session", (node) => {
      const other = node.dial({ keyId: "other" });
      return { ...node.ticket, secret: node.register({}, other).welcome.secret! };
    }],
    ["an unknown session", ({ ticket }) => ({ ...ticket, session: "unknown" })],
  ];
  for (const [what, ticketOf] of wrong) {
    test(`with ${what} gets a new one, and the living one goes on`, () => {
      for (const isLost of [false, true]) {
        const node = new Node();
        const { received } = call(node.harness, stream);
        node.send(head(1), text(1, "a"));
        const ticket = ticketOf(node);
        if (isLost) node.lose();
        const { welcome, frames } = node.register(ticket, node.dial());
        expect(welcome.resumed).toBeUndefined();
        expect(welcome.session).not.toBe(node.welcome.session);
        expect(frames).toHaveLength(1);
        if (isLost) node.comeBack();
        node.send(text(1, "b"), finish(1));
        expect(received).toMatchObject({ data: ["a", "b"], finished: 1 });
      }
    });
  }

  test("with another token gets a new one, although the secret is right", () => {
    const node = new Node();
    node.lose();
    const { welcome } = node.register(node.ticket, node.dial({ keyId: "thief" }));
    expect(welcome.resumed).toBeUndefined();
    expect(node.comeBack().welcome.resumed).toBe(true);
  });

  test("while the old socket still seems to live takes over: what comes over the old one is ignored", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.send(head(1), text(1, "a"));
    const old = node.socket;
    expect(node.comeBack().welcome.resumed).toBe(true);
    expect(old.isTerminated).toBe(true);
    node.harness.bytes(old, text(1, "!"));
    node.harness.gone(old);
    node.send(text(1, "b"), finish(1));
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
  });

  test("at the same time as another: the last one has it, and the calls end once", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    node.send(head(1), text(1, "a"));
    node.lose();
    const first = node.dial();
    const second = node.dial();
    node.register(node.ticket, first);
    node.register(node.ticket, second);
    expect(first.isTerminated).toBe(true);
    node.harness.bytes(first, text(1, "!"));
    node.socket = second;
    node.send(text(1, "b"), finish(1));
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
    expect(node.inHub).toHaveLength(1);
  });

  test("over a connection that is registered already has its session: no node is left without a connection", () => {
    const node = new Node();
    node.lose();
    const other = node.dial();
    node.register(undefined, other);
    expect(node.register(node.ticket, other).welcome.resumed).toBeUndefined();
    node.harness.gone(other, 1000);
    expect(node.comeBack().welcome.resumed).toBe(true);
    node.lose(1000);
    expect(node.inHub).toEqual([]);
  });

  test("more often than once a second for a minute loses it", async () => {
    const node = new Node();
    for (let i = 0; i < 60; i++) expect(node.comeBack().welcome.resumed).toBe(true);
    expect(node.comeBack().welcome.resumed).toBeUndefined();
    expect(node.inHub).toHaveLength(1);
    await node.harness.clock.pass(60_000);
  });

  test("of an account that offers all that it may comes back all the same", () => {
    const node = new Node({ offersPerAccount: 2 });
    node.lose();
    expect(node.comeBack().welcome.resumed).toBe(true);
    expect(node.dial().closed).toMatchObject({ code: 4003 });
  });

  test("may say once that a call is missing, and not of a call that it has answered", () => {
    const node = new Node();
    const { received } = call(node.harness, stream);
    const answered = call(node.harness, { ...stream, attemptId: "req-2" });
    node.send(head(2), text(2, "a"));
    node.lose();
    node.comeBack();
    node.socket.messages.length = 0;
    node.send(encodeMissing(1), encodeMissing(1), encodeMissing(2));
    expect(node.socket.frames.map(({ type }) => type)).toEqual(["call", "cancel"]);
    expect(received.failures).toEqual([]);
    expect(answered.received.failures).toMatchObject([{ kind: "protocol" }]);
    for (let i = 0; i < 9; i++) node.send(encodeMissing(1));
    expect(node.socket.closed).toMatchObject({ code: 4003 });
  });

  test("cannot get more than its window out of it", () => {
    const node = new Node({ maxBufferedBytes: 10 });
    const { received } = call(node.harness, stream);
    node.send(head(1), text(1, "12345678"));
    node.lose();
    node.comeBack();
    node.send(text(1, "901"));
    expect(received.failures).toMatchObject([{ kind: "protocol" }]);
  });
});

test("while something runs a link that is dead is noticed within 12 seconds, and is waited for", async () => {
  const node = new Node();
  node.harness.links.start();
  await node.harness.clock.pass(14_000);
  node.harness.pong(node.socket);
  call(node.harness, stream);
  await node.harness.clock.pass(12_000);
  expect(node.socket.isTerminated).toBe(true);
  node.harness.links.stop();
});

test("the ends of answers are acknowledged together, or with the next ping", async () => {
  const node = new Node();
  node.harness.links.start();
  for (let stream = 1; stream <= 17; stream++) {
    call(node.harness, { attemptId: `req-${stream}`, stream: true });
    node.send(head(stream), text(stream, "a"), finish(stream));
  }
  const ended = () =>
    node.socket.frames.flatMap((frame) => frame.type === "ended" ? [frame.streams.length] : []);
  expect(ended()).toEqual([16]);
  await node.harness.clock.pass(4_000);
  expect(ended()).toEqual([16, 1]);
  node.harness.links.stop();
});

describe("with a thousand lost links none of the others is looked at", () => {
  function lost() {
    const harness = new LinkHarness({ offersPerAccount: 3_000 });
    let looks = 0;
    const others = { wire: 2, accountId: "others", keyId: "others" } as const;
    const sockets = Array.from({ length: 1_000 }, () => harness.dial(others));
    for (const [i, socket] of sockets.entries()) {
      const offer = { node_id: `n${i}`, resume: { after_goaway: true }, instance: "i1" };
      harness.register(socket, offer as never);
    }
    const nodes = [...harness.hub.nodes()];
    for (const socket of sockets) {
      harness.gone(socket);
      counted(socket.data.dialer, "accountId");
      counted(socket.data.dialer, "keyFamily");
    }
    for (const node of nodes) counted(node, "offer");
    function counted<T extends object>(of: T, key: keyof T & string) {
      const value = of[key];
      Object.defineProperty(of, key, { get: () => (looks++, value) });
    }
    return { harness, nodes, looks: () => looks };
  }

  test("when one of them comes back elsewhere as another run of its program", () => {
    const { harness, nodes, looks } = lost();
    harness.links.startedAs("others/n7", "i2", 0);
    expect(harness.hub.find("others/n7")).toBeUndefined();
    harness.links.challenge(nodes[8]!);
    expect(harness.hub.find("others/n8")).toBeUndefined();
    expect(harness.hub.size).toBe(998);
    expect(looks()).toBeLessThan(20);
  });

  test("when a node registers here", () => {
    const { harness, looks } = lost();
    harness.register(harness.dial({ wire: 2 }), { instance: "i2", resume: {} } as never);
    expect([harness.hub.size, looks()]).toEqual([1_001, 0]);
  });

  test("when an account that offers all it may dials", () => {
    const { harness, looks } = lost();
    const models = Array.from({ length: 999 }, (_, i) => `m${i}`);
    const sockets = ["n1", "n2", "n3"].map((node_id) => {
      const socket = harness.dial({ wire: 2 });
      harness.register(socket, { node_id, models, resume: {} } as never);
      return socket;
    });
    harness.gone(sockets[0]!);
    const [admitted, refused] = [harness.dial({ wire: 2 }), harness.dial({ wire: 2 })];
    expect([admitted.closed, refused.closed?.code, looks()]).toEqual([null, 4003, 0]);
    harness.gone(admitted);
    expect(harness.dial({ wire: 2 }).closed).toBeNull();
  });

  test("when a node dials a gateway that leaves", () => {
    const { harness, looks } = lost();
    harness.links.goAway("restart", 1_000);
    const before = looks();
    const { dialer } = harness.dial({ wire: 2 }).data;
    expect([harness.links.mayResumeFor(dialer), looks() - before]).toEqual([false, 0]);
  });
});

test("a newcomer ends at most 64 lost links of its twins, and the next one the others", () => {
  const node = new Node({}, { instance: "i1" });
  const sockets = Array.from({ length: 100 }, () => node.dial());
  for (const socket of sockets) node.register({}, socket);
  for (const socket of [node.socket, ...sockets]) node.harness.gone(socket);
  const lost = () => node.inHub.filter(({ reconnectsUntil }) => reconnectsUntil !== null).length;
  expect(lost()).toBe(101);
  node.register({}, node.dial());
  expect(lost()).toBe(37);
  node.register({}, node.dial());
  expect([lost(), node.inHub.length]).toEqual([0, 2]);
});
