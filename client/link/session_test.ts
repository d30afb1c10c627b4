import { describe, expect, test } from "bun:test";
import {
  encodeCallV2,
  encodeCancel,
  encodeEnded,
  encodeJson,
  encodeResume,
} from "../../protocol/mod.ts";
import type { Adapter } from "../adapter/adapter.ts";
import { Runner } from "../run/runner.ts";
import { fixedCatalogue } from "../testing/fixed_catalogue.ts";
import { type FakeSocket, FakeWorld, settled, welcomeV2 } from "../testing/fake_world.ts";
import { DEFAULT_ENDPOINTS } from "../../protocol/mod.ts";
import { BACKOFF_LAST_MS } from "./backoff.ts";
import { Session } from "./session.ts";

/** What a node waits before it closes a link that it moved away from: calls may be on their way. */
const CROSSING_MS = 1_000;
const CANCELLED_WITHIN_MS = 100;
const resumable = { secret: "secret", resume_ms: 30_000, after_goaway: true };
const A = "ws://a.example/ws";
const B = "ws://b.example/ws";

function start({ urls = [A, B], random = 0.5, starts = true } = {}) {
  const world = new FakeWorld(random);
  const ends: (() => void)[] = [];
  const adapter: Adapter = {
    async *answer({ signal }) {
      await new Promise<void>((resolve) => {
        ends.push(resolve);
        signal.addEventListener("abort", () => resolve());
      });
      yield "{}";
    },
  };
  const offer = { provider: "p", local: "m", endpoints: DEFAULT_ENDPOINTS, adapter };
  const runner = new Runner({ catalogue: fixedCatalogue({ m: [offer] }), maxParallel: 9, world });
  const session = new Session({
    urls: urls.map((url) => new URL(url)),
    token: "client-1",
    register: () => ({ max_parallel: 9, models: ["m"], node_id: "n1" }),
    runner,
    world,
  });
  if (starts) session.start();
  return {
    world,
    session,
    runner,
    dialled: () => world.sockets.map(({ url }) => url),
    socket: (index: number): FakeSocket => world.sockets[index]!,
    /** Lets the upstream of the oldest call answer. */
    answer: async () => {
      ends.shift()!();
      await settled();
    },
  };
}

function callFrame(stream = 1): Uint8Array {
  const head = { endpoint: "/v1/chat/completions", model: "m", stream: false, hide_usage: false };
  return encodeCallV2(stream, { id: `req-${stream}`, ...head }, new TextEncoder().encode("{}"))[0]!;
}

/** Closes as a gateway that hung up. */
async function lose(socket: FakeSocket, code = 1006): Promise<void> {
  socket.emit("close", { code, reason: "" });
  await settled();
}

describe("a gateway that leaves", () => {
  test("is followed by the next address, after a random part of the time that it asked for", async () => {
    const { world, session, socket, dialled } = start();
    socket(0).openV2().goAway(9_000);
    await world.pass(4_499);
    expect(session.state).toBe("waiting");
    expect(dialled()).toEqual([A]);
    await world.pass(1);
    expect(dialled()).toEqual([A, B]);
    expect(session.state).toBe("connecting");
    expect(session.lastProblem).toBeNull();
  });

  test("keeps its link, and the calls that still come over it, until the next one is connected", async () => {
    const { world, runner, socket, answer } = start();
    socket(0).openV2().receive(callFrame());
    socket(0).goAway(0);
    await world.pass(0);
    socket(0).receive(callFrame(2));
    expect(runner.active).toBe(2);
    await world.pass(10_000);
    expect(socket(0).closed).toBeNull();
    expect(socket(0).sent).toEqual(["v2 register"]);
    socket(1).openV2();
    expect(socket(0).sent).toEqual(["v2 register", "v2 status"]);
    await answer();
    await answer();
    expect(socket(0).sent.slice(-2)).toEqual(["v2 stream", "v2 finish"]);
  });

  test("has its link closed once all calls over it have ended, not those of the next one", async () => {
    const { world, socket, answer } = start();
    socket(0).openV2().receive(callFrame());
    socket(0).goAway(0);
    await world.pass(0);
    socket(1).openV2().receive(callFrame(7));
    await world.pass(CROSSING_MS);
    expect(socket(0).closed).toBeNull();
    await answer();
    expect(socket(0).closed).toEqual({
      code: 1000,
      reason: "this node has moved to another gateway",
    });
    expect(socket(1).closed).toBeNull();
  });

  test("whose link is lost gets its calls over one that serves for nothing else, whichever gateway is reached", async () => {
    const { world, runner, session, socket, dialled, answer } = start();
    socket(0).openV2(resumable).receive(callFrame());
    socket(0).goAway(0);
    await world.pass(0);
    socket(1).openV2();
    expect(dialled()).toEqual([A, B]);
    await lose(socket(0));
    expect([runner.active, session.state]).toEqual([1, "connected"]);
    await world.pass(200);
    expect(dialled()).toEqual([A, B, B]);
    await lose(socket(2));
    await world.pass(500);
    expect(dialled()).toEqual([A, B, B, A]);
    const last = socket(3).openHello();
    expect(last.data).toMatchObject([{
      resume: { session: "s", secret: "secret", or_close: true },
    }]);
    last.receive(encodeResume(1, {
      receivedBytes: 0,
      grantedBytes: 0,
      hasHead: false,
      isCancelled: false,
    }));
    last.receive(welcomeV2({ ...resumable, resumed: true }));
    await answer();
    expect(last.sent).toContain("v2 finish");
    expect(last.closed).toBeNull();
    last.receive(encodeEnded([1]));
    await world.pass(CROSSING_MS + 500);
    expect(last.closed?.code).toBe(1000);
    expect([session.state, socket(1).closed, dialled().length]).toEqual(["connected", null, 4]);
  });

  for (
    const [what, refuse] of [
      ["by a close", (last: FakeSocket) => lose(last, 4002)],
      ["by another session", async (last: FakeSocket) => {
        last.receive(welcomeV2(resumable));
        await settled();
        expect(last.closed?.code).toBe(1000);
      }],
    ] as const
  ) {
    test(`whose link is lost and which refuses the session, ${what}, loses its calls, and is not asked again`, async () => {
      const { world, runner, socket, dialled } = start();
      socket(0).openV2(resumable).receive(callFrame());
      socket(0).goAway(0);
      await world.pass(0);
      socket(1).openV2();
      await lose(socket(0));
      await world.pass(200);
      await refuse(socket(2).openHello());
      await world.pass(CANCELLED_WITHIN_MS);
      expect(runner.active).toBe(0);
      await world.pass(60_000);
      expect(dialled()).toHaveLength(3);
    });
  }

  test("whose link is lost and which never agrees loses its calls when its time is over, or the node stops", async () => {
    for (const stops of [false, true]) {
      const { world, runner, session, socket } = start();
      socket(0).openV2(resumable).receive(callFrame());
      socket(0).goAway(0);
      await world.pass(0);
      socket(1).openV2();
      await lose(socket(0));
      await world.pass(29_000);
      expect(runner.active).toBe(1);
      if (stops) void session.stop(60_000);
      await world.pass(stops ? 10 : 1_000);
      expect(runner.active).toBe(0);
    }
  });

  test("before it has agreed to go on with a session does so over that link, and gets no new calls", async () => {
    const { world, runner, session, socket, answer } = start({ urls: [A] });
    socket(0).openV2(resumable).receive(callFrame());
    await lose(socket(0));
    await world.pass(500);
    socket(1).openHello().goAway(1_000);
    await settled();
    const nothingYet = { receivedBytes: 0, grantedBytes: 0, hasHead: false, isCancelled: false };
    socket(1).receive(encodeResume(1, nothingYet));
    socket(1).receive(welcomeV2({ ...resumable, resumed: true }));
    await settled();
    expect([runner.active, session.state]).toEqual([1, "waiting"]);
    await world.pass(500);
    expect(socket(2).openHello().data).toMatchObject([{ resume: { after_goaway: true } }]);
    expect(socket(2).data).not.toMatchObject([{ resume: { session: "s" } }]);
    await answer();
    expect(socket(1).sent).toContain("v2 finish");
  });

  test("and goes on with a session late takes nothing from one that is lost meanwhile", async () => {
    const { world, runner, socket, answer } = start({ urls: [A] });
    socket(0).openV2(resumable).receive(callFrame());
    await lose(socket(0));
    await world.pass(500);
    socket(1).openHello().goAway(0);
    await world.pass(0);
    socket(2).openV2({ ...resumable, session: "later" }).receive(callFrame(2));
    await lose(socket(2));
    const nothingYet = { receivedBytes: 0, grantedBytes: 0, hasHead: false, isCancelled: false };
    socket(1).receive(encodeResume(1, nothingYet));
    socket(1).receive(welcomeV2({ ...resumable, resumed: true }));
    await settled();
    await world.pass(500);
    expect(socket(3).openHello().data).toMatchObject([{ resume: { session: "later" } }]);
    socket(3).receive(encodeResume(2, nothingYet));
    socket(3).receive(welcomeV2({ ...resumable, session: "later", resumed: true }));
    await settled();
    expect(runner.active).toBe(2);
    for (const at of [1, 3]) {
      await answer();
      expect(socket(at).sent).toContain("v2 finish");
    }
  });

  test("at once, at each dial, is dialled ever more slowly, and has few links open", async () => {
    const { world, dialled } = start({ urls: [A] });
    let asked = 0;
    const leave = async (times: number, everyMs: number) => {
      for (let time = 0; time < times; time++) {
        for (const socket of world.sockets.slice(asked)) socket.openHello().goAway(0);
        asked = world.sockets.length;
        await world.pass(everyMs);
      }
    };
    await leave(300, 1_000);
    expect(dialled().length).toBeLessThan(25);
    await leave(60, 30_000);
    expect(world.sockets.filter(({ closed }) => closed === null).length).toBeLessThan(36);
  });

  test("and asks for no wait is not dialled without end where it refuses", async () => {
    const { world, socket, dialled } = start({ urls: [A] });
    socket(0).openV2().receive(callFrame());
    socket(0).goAway(0);
    for (let ms = 0; ms < 400; ms++) {
      await world.pass(1);
      const last = world.sockets.at(-1)!;
      if (last !== socket(0)) await lose(last);
    }
    expect(dialled().length).toBeLessThan(5);
  });

  const eight = Array.from({ length: 8 }, (_, i) => `ws://${i}.example/ws`);
  for (const [what, urls, most] of [["one address", [A], 4], ["eight", eight, 8]] as const) {
    test(`of which there are ever more is dialled for the last ${most} sessions that were lost: ${what}`, async () => {
      const { world, runner, socket, dialled } = start({ urls: [...urls] });
      const left: FakeSocket[] = [];
      for (let i = 0; i < 9; i++) {
        const link = world.sockets.at(-1)!;
        link.openV2(resumable).receive(callFrame(i + 1));
        link.goAway(0);
        left.push(link);
        while (world.sockets.at(-1) === link) await world.pass(1_000);
      }
      world.sockets.at(-1)!.openV2();
      const before = dialled().length;
      for (const link of left) await lose(link);
      expect(runner.active).toBe(most);
      await world.pass(400);
      expect(dialled().length - before).toBe(most);
      expect(socket(before - 1).closed).toBeNull();
    });
  }

  test("and does not say that it resumes sessions then is not dialled for them", async () => {
    const { world, runner, socket, dialled } = start();
    const { after_goaway: _, ...older } = resumable;
    socket(0).openV2(older).receive(callFrame());
    socket(0).goAway(0);
    await world.pass(0);
    socket(1).openV2();
    await lose(socket(0));
    await world.pass(10_000);
    expect([runner.active, dialled()]).toEqual([0, [A, B]]);
  });

  test("may send calls that cross the node's notice: the link is not closed before they can have come", async () => {
    const { world, runner, socket, answer } = start();
    socket(0).openV2().goAway(0);
    await world.pass(0);
    socket(1).openV2();
    await world.pass(CROSSING_MS - 1);
    socket(0).receive(callFrame());
    expect(runner.active).toBe(1);
    await world.pass(1);
    expect(socket(0).closed).toBeNull();
    await answer();
    expect(socket(0).closed?.code).toBe(1000);
  });

  test("that ends its link itself has its calls stopped, and the next gateway's run on", async () => {
    const { world, runner, socket } = start();
    socket(0).openV2().receive(callFrame());
    socket(0).goAway(0);
    await world.pass(0);
    socket(1).openV2().receive(callFrame(7));
    expect(runner.active).toBe(2);
    await lose(socket(0), 1012);
    expect(runner.active).toBe(1);
    expect(socket(1).sent).toEqual(["v2 register"]);
  });

  test("sets the pace of further attempts while it still serves, however many fail", async () => {
    const { world, session, socket, dialled } = start({ random: 1 });
    socket(0).openV2().goAway(3_000);
    await world.pass(3_000);
    for (let dials = 2; dials < 12; dials++) {
      expect(dialled()).toHaveLength(dials);
      await lose(socket(dials - 1));
      await world.pass(2_999);
      expect(dialled()).toHaveLength(dials);
      await world.pass(1);
    }
    expect(session.lastProblem).toBe("cannot connect: the server cannot be reached");
  });

  test("and then is gone leaves the node to back off like after any failure", async () => {
    const { world, socket, dialled } = start({ random: 1 });
    socket(0).openV2().goAway(30_000);
    await world.pass(30_000);
    await lose(socket(0), 1012);
    await lose(socket(1));
    await world.pass(1_000);
    expect(dialled()).toEqual([A, B, A]);
  });

  test("is forgotten once its link has ended: the next connection sends it nothing", async () => {
    const { world, socket } = start();
    socket(0).openV2().goAway(1_000);
    await settled();
    await lose(socket(0), 1012);
    await world.pass(1_000);
    socket(1).openV2();
    await world.pass(CROSSING_MS);
    expect(socket(0).sent).toEqual(["v2 register"]);
    expect(socket(0).closed).toBeNull();
  });

  test("several in a row are all left once one stays", async () => {
    const { world, socket } = start();
    socket(0).openV2().receive(callFrame(1));
    socket(0).goAway(0);
    await world.pass(0);
    socket(1).openV2().receive(callFrame(2));
    socket(1).goAway(0);
    await world.pass(0);
    socket(2).openV2();
    expect(socket(0).sent).toEqual(["v2 register", "v2 status", "v2 status"]);
    expect(socket(1).sent).toEqual(["v2 register", "v2 status"]);
  });
});

describe("a link that fails", () => {
  test("is followed by the next address, and after the last by the first", async () => {
    const { world, socket, dialled } = start({ random: 0 });
    for (let i = 0; i < 4; i++) {
      await lose(socket(i));
      await world.pass(0);
    }
    expect(dialled()).toEqual([A, B, A, B, A]);
  });

  test("backs off further with each failure, and from the start after a stable minute", async () => {
    const { world, socket, dialled } = start({ urls: [A], random: 1 });
    await lose(socket(0));
    await world.pass(1_000);
    await lose(socket(1));
    await world.pass(1_999);
    expect(dialled()).toHaveLength(2);
    await world.pass(1);
    socket(2).openV2();
    for (let second = 0; second < 60; second++) {
      await world.pass(1_000);
      socket(2).emit("pong");
    }
    await lose(socket(2));
    await world.pass(1_000);
    expect(dialled()).toHaveLength(4);
  });

  test("while a call runs is dialled again within 0.4 s, and then within the second, however often", async () => {
    const { world, socket, dialled } = start({ urls: [A], random: 1 });
    socket(0).openV2({ secret: "secret", resume_ms: 30_000 }).receive(callFrame());
    await world.pass(1);
    await lose(socket(0));
    await world.pass(400);
    expect(dialled()).toHaveLength(2);
    for (let dials = 2; dials < 8; dials++) {
      await lose(socket(dials - 1));
      await world.pass(999);
      expect(dialled()).toHaveLength(dials);
      await world.pass(1);
      expect(dialled()).toHaveLength(dials + 1);
    }
  });

  test("because its token was revoked is dialled again at the slowest pace", async () => {
    const { world, session, socket, dialled } = start({ random: 1 });
    socket(0).openV2();
    await lose(socket(0), 4001);
    expect(session.lastProblem).toContain("the node token was revoked");
    await world.pass(BACKOFF_LAST_MS - 1);
    expect(dialled()).toEqual([A]);
    await world.pass(1);
    expect(dialled()).toEqual([A, B]);
  });

  test("is logged with the address, but without its query, and the time until the next attempt", async () => {
    const { world, socket } = start({
      urls: ["wss://a.example:8443/hub/ws?key=canary"],
      random: 1,
    });
    const servers: unknown[] = [];
    world.log.warn = (fields, message) => void servers.push(fields, message);
    await lose(socket(0));
    expect(servers).toEqual([
      { server: "wss://a.example:8443/hub/ws" },
      "cannot connect: the server cannot be reached; dialling again in 1.0 s",
    ]);
  });

  test("because the server knows only v1 is dialled again at once and without v2, and next time with it", async () => {
    const { world, session, socket, dialled } = start({ random: 1 });
    const message = "Mismatch client protocol";
    socket(0).emit("error", { message });
    await lose(socket(0));
    expect(dialled()).toEqual([A, A]);
    expect(session.state).toBe("connecting");
    expect(session.lastProblem).toBeNull();
    expect(world.sockets.map(({ protocols }) => protocols)).toEqual([["colink.v2"], []]);
    socket(1).emit("error", { message });
    await lose(socket(1));
    await world.pass(1_000);
    expect(dialled()).toEqual([A, A, B]);
    expect(socket(2).protocols).toEqual(["colink.v2"]);
  });
});

describe("a session", () => {
  test("is connected once, however often its gateway says so", async () => {
    const { world, socket } = start({ starts: true });
    const lines: string[] = [];
    world.log.info = (_fields, message) => void lines.push(message);
    socket(0).openV2();
    for (let times = 0; times < 5; times++) socket(0).receive(welcomeV2());
    await settled();
    expect(lines).toEqual(["connected"]);
  });

  test("is connected once the gateway has taken it in, and says to whom and as what", async () => {
    const { world, session, socket } = start({ starts: false });
    const connected: unknown[] = [];
    world.log.info = (fields, message) => void connected.push(message, fields);
    expect(session.state).toBe("idle");
    session.start();
    session.start();
    expect(session.state).toBe("connecting");
    socket(0).openV2();
    await settled();
    expect(session.state).toBe("connected");
    expect(world.sockets).toHaveLength(1);
    expect(connected).toEqual(["connected", { server: A, models: ["m"], max_parallel: 9 }]);
    expect(socket(0).headers).toEqual({ "Client-Token": "client-1" });
  });

  test("announces changed models only over a link that is open", async () => {
    const { world, session, socket } = start();
    session.announceOffer();
    socket(0).openV2();
    session.announceOffer();
    expect(socket(0).sent).toEqual(["v2 register", "v2 status"]);
    socket(0).goAway(1_000);
    await settled();
    session.announceOffer();
    expect(socket(0).sent).toEqual(["v2 register", "v2 status"]);
    await world.pass(1_000);
    socket(1).openV2();
    session.announceOffer();
    expect(socket(1).sent).toEqual(["v2 register", "v2 status"]);
  });
});

describe("stopping", () => {
  test("before the start means that nothing is dialled, ever", async () => {
    const { world, session } = start({ starts: false });
    await session.stop(0);
    expect(session.state).toBe("stopped");
    session.start();
    await world.pass(60_000);
    expect(world.sockets).toEqual([]);
  });

  test("during a wait ends it: no further attempt is made", async () => {
    const { world, session, socket } = start();
    await lose(socket(0));
    expect(session.state).toBe("waiting");
    await session.stop(0);
    await world.pass(60_000);
    expect(session.state).toBe("stopped");
    expect(world.sockets).toHaveLength(1);
    expect(world.nextTimerMs).toBeNull();
  });

  test("while it dials hangs up at once, and a late connection counts as none", async () => {
    const { world, session, socket } = start();
    await session.stop(60_000);
    expect(socket(0).isTerminated).toBe(true);
    socket(0).openV2();
    expect(session.state).toBe("stopped");
    expect(socket(0).sent).toEqual([]);
    expect(world.nextTimerMs).toBeNull();
  });

  test("that is not answered hangs up after two seconds", async () => {
    const { world, session, socket } = start();
    socket(0).openV2().answersClose = false;
    const stopped = session.stop(0);
    await world.pass(1_999);
    expect(socket(0).closed?.code).toBe(1000);
    expect(session.state).toBe("draining");
    await world.pass(1);
    await stopped;
    expect(socket(0).isTerminated).toBe(true);
  });

  test("waits until the link to a leaving gateway is closed, where there is no other", async () => {
    const { world, session, socket } = start();
    socket(0).openV2().goAway(60_000);
    await settled();
    socket(0).answersClose = false;
    const stopped = session.stop(0);
    await world.pass(1_999);
    expect(session.state).toBe("draining");
    await world.pass(1);
    await stopped;
    expect(session.state).toBe("stopped");
    expect(world.nextTimerMs).toBeNull();
  });

  test("is not undone by a greeting that comes meanwhile", async () => {
    const { world, session, socket } = start();
    socket(0).protocol = "colink.v2";
    socket(0).emit("open");
    socket(0).answersClose = false;
    const stopped = session.stop(60_000);
    await settled();
    socket(0).receive(encodeJson("hello", 0, { versions: [1, 2] }));
    expect(session.state).toBe("draining");
    await world.pass(2_000);
    await stopped;
    expect(session.state).toBe("stopped");
  });

  test("notifies every gateway, lets calls finish, and then closes each link", async () => {
    const { world, session, runner, socket, answer } = start();
    socket(0).openV2().receive(callFrame());
    socket(0).goAway(0);
    await world.pass(0);
    socket(1).openV2().receive(callFrame(2));
    const stopped = session.stop(60_000);
    expect(session.state).toBe("draining");
    expect(socket(0).sent.filter((frame) => frame === "v2 status")).toHaveLength(2);
    expect(socket(1).sent).toEqual(["v2 register", "v2 status"]);
    socket(1).receive(callFrame(3));
    expect(runner.active).toBe(2);
    await answer();
    await answer();
    await world.pass(0);
    await stopped;
    for (const index of [0, 1]) expect(socket(index).closed?.code).toBe(1000);
    expect(socket(1).closed?.reason).toBe("this node is leaving");
    expect(runner.totals).toEqual({ served: 2, failed: 0 });
    expect(world.logged.at(-1)).toBe("info: stopped");
  });

  test("cuts what runs when its grace is over", async () => {
    const { world, session, runner, socket } = start();
    socket(0).openV2().receive(callFrame());
    const stopped = session.stop(5_000);
    await world.pass(4_999);
    expect(runner.active).toBe(1);
    expect(socket(0).closed).toBeNull();
    await world.pass(1);
    await stopped;
    expect(runner.active).toBe(0);
    expect(socket(0).sent.at(-1)).toBe("v2 error");
  });

  test("waits for an upstream that ignores its abort for two seconds, and then leaves it", async () => {
    const { world, session, socket } = start();
    const deaf: Adapter = {
      // deno-lint-ignore require-yield -- the upstream never says a word
      async *answer() {
        await new Promise(() => {});
      },
    };
    const offer = { provider: "p", local: "m", endpoints: DEFAULT_ENDPOINTS, adapter: deaf };
    const runner = new Runner({ catalogue: fixedCatalogue({ m: [offer] }), maxParallel: 1, world });
    await session.stop(0);
    const hurried = new Session({
      urls: [new URL(A)],
      token: "client-1",
      register: () => ({ max_parallel: 1, models: ["m"], node_id: "n1" }),
      runner,
      world,
    });
    hurried.start();
    socket(1).openV2().receive(callFrame());
    const stopped = hurried.stop(0);
    await world.pass(1_999);
    expect(socket(1).closed).toBeNull();
    await world.pass(1);
    await stopped;
    expect(socket(1).closed?.code).toBe(1000);
  });

  test("twice stops once, and the second grace counts if it is shorter", async () => {
    const { world, session, socket } = start();
    socket(0).openV2().receive(callFrame());
    const first = session.stop(600_000);
    const second = session.stop(0);
    await world.pass(0);
    await Promise.all([first, second]);
    expect(session.state).toBe("stopped");
    await session.stop(0);
    expect(world.logged.filter((line) => line === "info: stopped")).toHaveLength(1);
    expect(world.logged).not.toContainEqual(expect.stringContaining("dialling again"));
  });

  test("lets calls of a gateway that leaves meanwhile finish, too, and dials no other", async () => {
    const { world, session, runner, socket, answer } = start();
    socket(0).openV2().receive(callFrame());
    const stopped = session.stop(60_000);
    socket(0).goAway(1_000);
    await world.pass(10_000);
    expect(session.state).toBe("draining");
    expect(socket(0).closed).toBeNull();
    await answer();
    await stopped;
    expect(runner.totals).toEqual({ served: 1, failed: 0 });
    expect(socket(0).closed).toEqual({ code: 1000, reason: "this node is leaving" });
    expect(world.sockets).toHaveLength(1);
  });

  test("a caller who has left before is no failed call", async () => {
    const { world, session, runner, socket } = start();
    socket(0).openV2().receive(callFrame());
    socket(0).receive(encodeCancel(1));
    await settled();
    const stopped = session.stop(60_000);
    await world.pass(0);
    await stopped;
    expect(runner.totals).toEqual({ served: 0, failed: 0 });
  });
});

test("what the gateway says about the connection is logged without control characters", async () => {
  const { world, socket } = start();
  socket(0).openV2();
  socket(0).receive(
    encodeJson("error", 0, { code: 400, message: "a\u001b[2Jb" + "x".repeat(400) }),
  );
  await settled();
  expect(world.logged.at(-1)).toBe(`warn: the gateway says: a [2Jb${"x".repeat(294)}`);
});
