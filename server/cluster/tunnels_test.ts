import { describe, expect, test } from "bun:test";
import {
  encodeCredit,
  encodeJson,
  type FrameV2,
  HEADER_BYTES,
  MAX_FRAME_BYTES,
  type RegisterV2,
  type Welcome,
} from "../../protocol/mod.ts";
import { finish, head, text } from "../../protocol/testing/frames.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { call, type FakeSocket, LinkHarness } from "../node/testing/link_harness.ts";
import { type TunnelMessage, Tunnels } from "./tunnels.ts";

/** One way between two gateways. */
const LATENCY_MS = 1;
const SETTLED_MS = 10;
const stream = { stream: true, wantsUsage: true };

interface Gateway {
  id: string;
  harness: LinkHarness;
  tunnels: Tunnels;
  /** Whether it sends nothing and reads nothing. */
  isFrozen: boolean;
  /** Bytes that its peers have not taken yet. */
  bufferedBytes: number;
}

class Network {
  readonly clock = new FakeClock();
  readonly gateways: Gateway[] = [];
  /** Every message between gateways: `gw-1 to gw-0: open`, or `frame`. */
  readonly sent: string[] = [];
  readonly #lost = new Set<string>();

  constructor(size = 2) {
    for (let i = 0; i < size; i++) this.#add(`gw-${i}`);
  }

  #add(id: string): void {
    const harness = new LinkHarness({ clock: this.clock });
    const tunnels = new Tunnels({ clock: this.clock, id, find: (peer) => this.#find(id, peer) });
    tunnels.attach(harness.links);
    this.gateways.push({ id, harness, tunnels, isFrozen: false, bufferedBytes: 0 });
  }

  #find(from: string, to: string) {
    const receiver = this.gateway(to);
    if (receiver === undefined || this.#lost.has(from) || this.#lost.has(to)) return undefined;
    const deliver = (what: string, task: () => void) => {
      this.sent.push(`${from} to ${to}: ${what}`);
      this.clock.after(LATENCY_MS, () => {
        if (!receiver.isFrozen && !this.#lost.has(from) && !this.#lost.has(to)) task();
      });
    };
    return {
      send: (message: TunnelMessage) =>
        deliver(message.does, () => receiver.tunnels.receive(from, structuredClone(message))),
      sendFrame: (frame: Uint8Array) => {
        const copy = frame.slice();
        deliver("frame", () => receiver.tunnels.receiveFrame(from, copy));
      },
      bufferedBytes: this.gateway(from)!.bufferedBytes,
    };
  }

  gateway(id: string): Gateway | undefined {
    return this.gateways.find((gateway) => gateway.id === id);
  }

  /** The gateway's links with its peers are lost. */
  lose(lost: Gateway): void {
    this.#lost.add(lost.id);
    for (const { id, tunnels } of this.gateways) {
      if (id === lost.id) continue;
      tunnels.peerLost(lost.id);
      lost.tunnels.peerLost(id);
    }
  }

  pass(ms = SETTLED_MS): Promise<void> {
    return this.clock.pass(ms);
  }
}

/** A node whose session can be resumed, at one gateway after the other. */
class Node {
  gateway: Gateway;
  socket: FakeSocket;
  welcome: Welcome;

  constructor(readonly network: Network) {
    this.gateway = network.gateways[0]!;
    this.socket = this.dial(this.gateway);
    this.register({});
    this.welcome = this.welcomeIn(this.socket)!;
  }

  get ticket(): NonNullable<RegisterV2["resume"]> {
    const { session, secret } = this.welcome;
    return { session, secret: secret! };
  }

  dial(gateway: Gateway, dialer: Parameters<LinkHarness["dial"]>[0] = {}): FakeSocket {
    return gateway.harness.dial({ wire: 2, ...dialer });
  }

  welcomeIn({ frames }: FakeSocket): Welcome | undefined {
    return frames.find((frame): frame is Extract<FrameV2, { type: "welcome" }> =>
      frame.type === "welcome"
    )?.data;
  }

  register(resume: RegisterV2["resume"], socket = this.socket, gateway = this.gateway): void {
    gateway.harness.register(socket, { resume } as never);
  }

  send(...frames: Uint8Array[]): void {
    for (const frame of frames) this.gateway.harness.bytes(this.socket, frame);
  }

  lose(code = 1006): void {
    this.gateway.harness.gone(this.socket, code);
  }

  /** Comes with its session to the gateway; returns what that answers. */
  async comeTo(gateway: Gateway, ticket = this.ticket): Promise<Welcome | undefined> {
    this.gateway = gateway;
    this.socket = this.dial(gateway);
    this.register(ticket);
    await this.network.pass();
    return this.welcomeIn(this.socket);
  }
}

/** A node that runs a call at the first gateway, of which a part has come. */
function withCall(size = 2) {
  const network = new Network(size);
  const [holder, other, third] = network.gateways as [Gateway, Gateway, Gateway];
  const node = new Node(network);
  const { received, running } = call(holder.harness, stream);
  node.send(head(1), text(1, "a"));
  return { network, holder, other, third, node, received, running: running! };
}

describe("a node that comes back at another gateway than it left", () => {
  test("goes on with its calls at the one that holds them, which takes calls for it at once", async () => {
    const { network, holder, other, node, received, running } = withCall();
    node.lose();
    expect(await node.comeTo(other)).toEqual({ ...node.welcome, resumed: true });
    expect(holder.harness.ids).toEqual(["public:key/n1"]);
    expect(other.harness.ids).toEqual([]);
    expect([...holder.harness.hub.nodes()][0]!.view([]).state).toBe("ready");
    const next = call(holder.harness, { ...stream, attemptId: "req-2" });
    await network.pass();
    expect(node.socket.frames.map(({ type }) => type))
      .toEqual(["hello", "resume", "welcome", "call"]);
    node.send(text(1, "b"), head(2), text(2, "x"), finish(2), finish(1));
    await network.pass();
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
    expect(next.received).toMatchObject({ data: ["x"], finished: 1, failures: [] });
    running.consumed(2);
  });

  test("has its session named after its gateway, whose name other gateways read", () => {
    expect(new Node(new Network()).welcome.session).toStartWith("gw-0/");
  });

  test("gets credit, pings and cancels, and its pongs arrive", async () => {
    const { network, holder, other, node, running } = withCall();
    node.lose();
    await node.comeTo(other);
    node.socket.messages.length = 0;
    node.send(text(1, "x".repeat(200_000)));
    await network.pass();
    running.consumed(200_001);
    running.cancel();
    await network.pass();
    expect(node.socket.frames).toEqual([
      { type: "credit", stream: 1, bytes: 200_001 },
      { type: "cancel", stream: 1 },
    ]);
    holder.harness.links.start();
    await network.pass(20_000);
    expect(node.socket.pings).toBeGreaterThan(0);
    expect(node.socket.isTerminated).toBe(true);
  });

  test("and answers pings stays connected", async () => {
    const { network, holder, other, node, received } = withCall();
    node.lose();
    await node.comeTo(other);
    holder.harness.links.start();
    other.harness.links.start();
    for (let i = 0; i < 30; i++) {
      await network.pass(2_000);
      other.harness.pong(node.socket);
    }
    node.send(text(1, "b"), finish(1));
    await network.pass();
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1 });
  });

  test("comes back again and again: at a third one, at the same, and at its own", async () => {
    const { network, holder, other, third, node, received } = withCall(3);
    node.lose();
    let sent = "";
    for (const gateway of [other, third, third, holder, other, holder]) {
      expect((await node.comeTo(gateway))?.resumed).toBe(true);
      node.send(text(1, "b"));
      sent += "b";
      await network.pass();
      node.lose();
      await network.pass();
    }
    expect(received).toMatchObject({ data: ["a", ...sent], failures: [] });
    expect(network.gateways.map(({ tunnels }) => tunnels.carried)).toEqual([0, 0, 0]);
    await network.pass(30_000);
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
  });

  test("and whose old socket still seems to live takes over: what comes over the old one is ignored", async () => {
    const { network, other, third, node, received } = withCall(3);
    const left: [Gateway, FakeSocket][] = [[node.gateway, node.socket]];
    for (const gateway of [other, third]) {
      await node.comeTo(gateway);
      left.push([gateway, node.socket]);
    }
    for (const [{ harness }, socket] of left.slice(0, 2)) {
      expect(socket.isTerminated).toBe(true);
      harness.bytes(socket, text(1, "!"));
      harness.gone(socket);
    }
    await network.pass();
    node.send(text(1, "b"), finish(1));
    await network.pass();
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
  });

  for (const isNoticed of [true, false]) {
    const how = isNoticed ? "" : " whose loss was not noticed";
    test(`without calls${how} is a node of that gateway at once, and of the other until it is offered: nothing is carried`, async () => {
      for (const isOffered of [true, false]) {
        const network = new Network();
        const [holder, other] = network.gateways as [Gateway, Gateway];
        const node = new Node(network);
        const left = node.socket;
        if (isNoticed) node.lose();
        const welcome = await node.comeTo(other);
        expect(left.isTerminated).toBe(!isNoticed);
        expect(welcome?.resumed).toBeUndefined();
        expect(welcome?.session).toStartWith("gw-1/");
        expect(other.harness.ids).toEqual(["public:key/n1"]);
        expect(other.tunnels.carried).toBe(0);
        const [before] = [...holder.harness.hub.nodes()];
        expect(before!.view([]).state).toBe("reconnecting");
        if (isOffered) holder.harness.links.challenge(before!);
        else await network.pass(2_000);
        expect(holder.harness.ids).toEqual([]);
        await network.pass(2_000);
        expect(holder.harness.links.size).toBe(0);
        const departures = holder.harness.observed.filter((event) => event.startsWith("left"));
        expect(departures).toHaveLength(isOffered ? 0 : 1);
      }
    });
  }

  test("is asked to reconnect once it has no calls, and its gateway is another one then", async () => {
    const { network, holder, other, node, received } = withCall();
    holder.harness.links.start();
    node.lose();
    await node.comeTo(other);
    const passWithPongs = async () => {
      for (let i = 0; i < 6; i++) {
        await network.pass(1_000);
        other.harness.pong(node.socket);
      }
    };
    const goaways = () => node.socket.frames.filter(({ type }) => type === "goaway");
    await passWithPongs();
    expect(goaways()).toEqual([]);
    node.send(finish(1));
    await passWithPongs();
    expect(goaways()).toHaveLength(1);
    expect(received.finished).toBe(1);
    // What a gateway has sent before it knew that the node moves is answered.
    const late = call(holder.harness, { ...stream, attemptId: "req-2" });
    await network.pass();
    node.send(head(2), text(2, "x"), finish(2));
    node.lose(1000);
    await network.pass();
    expect(late.received).toMatchObject({ finished: 1, failures: [] });
    expect(holder.harness.ids).toEqual([]);
    expect(other.tunnels.carried).toBe(0);
  });

  test("and never has no calls is asked after five minutes", async () => {
    const { network, other, node } = withCall();
    node.lose();
    await node.comeTo(other);
    await network.pass(5 * 60_000 + 1_000);
    expect(node.socket.frames.at(-1)?.type).toBe("goaway");
  });

  test("is let go by a gateway that leaves, over which its calls end", async () => {
    const { network, holder, other, node, received } = withCall();
    node.lose();
    await node.comeTo(other);
    other.harness.links.goAway("it is restarting", 1_000);
    expect(node.socket.frames.at(-1)).toMatchObject({ type: "goaway" });
    expect(other.tunnels.carried).toBe(1);
    await network.pass();
    // Its new gateway's word is enough: calls find it there, and those that run here end here.
    const [moved] = [...holder.harness.hub.nodes()];
    holder.harness.links.challenge(moved!);
    expect(holder.harness.ids).toEqual([]);
    node.send(text(1, "b"), finish(1));
    node.lose(1000);
    await network.pass();
    expect(received).toMatchObject({ finished: 1, failures: [] });
    expect(other.tunnels.carried).toBe(0);
  });

  test("whose token is revoked meanwhile is lost at both", async () => {
    for (const at of [0, 1]) {
      const { network, other, node, received } = withCall();
      node.lose();
      await node.comeTo(other);
      network.gateways[at]!.harness.links.closeKeys(new Set(["key"]));
      await network.pass();
      expect(node.socket.closed).toMatchObject({ code: 4001 });
      node.lose(4001);
      await network.pass();
      expect(received.failures).toMatchObject([{ kind: "lost" }]);
    }
  });
});

describe("a node whose session's gateway", () => {
  test("is gone, or was never there, starts over at once", async () => {
    for (const name of ["gw-0/unknown", "gw-9/x", "gw-1/x", "/", "x", `${"gw/".repeat(60)}`]) {
      const network = new Network();
      const node = new Node(network);
      network.lose(network.gateways[0]!);
      const ticket = { session: name, secret: "s" };
      const welcome = await node.comeTo(network.gateways[1]!, ticket);
      expect(welcome?.resumed).toBeUndefined();
      expect(network.sent).toEqual([]);
    }
  });

  test("is frozen starts over after three seconds, and its calls are lost once the gateway goes on", async () => {
    const { network, holder, other, node, received } = withCall();
    node.lose();
    holder.isFrozen = true;
    expect(await node.comeTo(other)).toBeUndefined();
    await network.pass(3_000);
    expect(node.welcomeIn(node.socket)?.session).toStartWith("gw-1/");
    expect(other.harness.ids).toEqual(["public:key/n1"]);
    // What it was sent comes late, together with what came of it.
    holder.isFrozen = false;
    holder.tunnels.receive("gw-1", {
      is: "tunnel",
      tunnel: 1,
      does: "open",
      accountId: "owner",
      keyId: "key",
      keyFamily: "key",
      address: "10.0.0.1",
    });
    holder.tunnels.receiveFrame("gw-1", inTunnel(1, registerOf(node.ticket)));
    holder.tunnels.receive("gw-1", { is: "tunnel", tunnel: 1, does: "left", code: 1000 });
    await network.pass();
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
    expect(node.socket.frames.filter(({ type }) => type === "resume")).toEqual([]);
  });

  test("is lost in the middle has to reconnect, and starts over, as its calls are gone", async () => {
    const { network, holder, other, node } = withCall();
    node.lose();
    await node.comeTo(other);
    network.lose(holder);
    expect(node.socket.isTerminated).toBe(true);
    node.lose();
    const welcome = await node.comeTo(other);
    expect(welcome?.session).toStartWith("gw-1/");
  });

  test("is lost before it has answered starts over at once", async () => {
    const { network, holder, other, node } = withCall();
    node.lose();
    const coming = node.comeTo(other);
    network.lose(holder);
    expect((await coming)?.session).toStartWith("gw-1/");
  });

  test("has lost the one that carries it may come back to any", async () => {
    const { network, other, third, node, received } = withCall(3);
    node.lose();
    await node.comeTo(other);
    network.lose(other);
    expect((await node.comeTo(third))?.resumed).toBe(true);
    node.send(text(1, "b"), finish(1));
    await network.pass();
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
  });
});

describe("who comes to another gateway", () => {
  test("with a wrong secret, or a session of another account or token, gets a new session, and the living one goes on", async () => {
    const wrong: [ticket: Partial<RegisterV2["resume"]>, keyId: string][] = [
      [{ secret: "wrong" }, "key"],
      [{ session: "gw-0/unknown" }, "key"],
      [{}, "thief"],
    ];
    for (const [change, keyId] of wrong) {
      const { network, other, node, received } = withCall();
      const socket = node.dial(other, { keyId });
      node.register({ ...node.ticket, ...change }, socket, other);
      await network.pass();
      expect(node.welcomeIn(socket)?.resumed).toBeUndefined();
      expect(node.welcomeIn(socket)?.session).toStartWith("gw-1/");
      node.send(text(1, "b"), finish(1));
      expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
    }
  });

  test("sends more before it has an answer has it read afterwards, and too much of it ends the link", async () => {
    const { network, other, node } = withCall();
    node.lose();
    for (const isKnown of [false, true]) {
      const socket = node.dial(other);
      node.register(isKnown ? node.ticket : { session: "gw-0/x", secret: "x" }, socket, other);
      const status = encodeJson("status", 0, { models: ["new"] });
      other.harness.bytes(socket, status);
      await network.pass(200);
      const { harness } = isKnown ? network.gateways[0]! : other;
      expect(harness.hub.models()).toEqual(["new"]);
    }
    for (
      const [count, message] of [[40, text(1, "x".repeat(2_000))], [300, new Uint8Array()]] as const
    ) {
      const flooding = node.dial(other);
      node.register(node.ticket, flooding, other);
      for (let i = 0; i < count; i++) other.harness.bytes(flooding, message);
      expect(flooding.isTerminated).toBe(true);
    }
  });

  test("and sends pongs that none has asked for costs its gateway nothing", async () => {
    const { network, holder, other, node } = withCall();
    node.lose();
    await node.comeTo(other);
    holder.harness.links.start();
    await network.pass(15_100);
    const { pings } = node.socket;
    expect(pings).toBeGreaterThan(0);
    const sent = () => network.sent.filter((message) => message === "gw-1 to gw-0: pong").length;
    for (let i = 0; i < 1_000; i++) other.harness.pong(node.socket);
    expect(sent()).toBe(pings);
  });

  test("a thousand times costs its gateway a message each, and ends the session", async () => {
    const { network, other, node, received } = withCall();
    const bystander = call(network.gateways[0]!.harness, { ...stream, attemptId: "req-2" });
    for (let i = 0; i < 1_000; i++) {
      const socket = node.dial(other);
      node.register({ ...node.ticket, secret: "wrong" }, socket, other);
      other.harness.gone(socket);
    }
    await network.pass();
    expect(network.sent.length).toBeLessThanOrEqual(4_000);
    expect(other.tunnels.carried).toBe(0);
    expect([received, bystander.received].map(({ failures }) => failures)).toEqual([[], []]);
    for (let i = 0; i < 61; i++) await node.comeTo(other);
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
  });

  test("to both at the same time is at one of them, and its calls end once", async () => {
    const { network, holder, other, node, received } = withCall();
    node.lose();
    const [one, two] = [node.dial(holder), node.dial(other)];
    node.register(node.ticket, two, other);
    node.register(node.ticket, one, holder);
    await network.pass();
    expect([one.isTerminated, two.isTerminated]).toEqual([true, false]);
    holder.harness.bytes(one, text(1, "!"));
    other.harness.bytes(two, text(1, "b"));
    other.harness.bytes(two, finish(1));
    await network.pass();
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
    expect(holder.harness.ids).toHaveLength(1);
  });

  test("once it is registered has its session already", async () => {
    const { network, other, node } = withCall();
    node.lose();
    const socket = node.dial(other);
    node.register({}, socket, other);
    node.register(node.ticket, socket, other);
    await network.pass();
    expect(network.sent).toEqual([]);
    expect(other.harness.ids).toEqual(["public:key/n1"]);
  });

  test("while its gateway takes no more starts over at once", async () => {
    const { network, other, node } = withCall();
    node.lose();
    other.bufferedBytes = 16 * 1024 * 1024;
    expect((await node.comeTo(other))?.session).toStartWith("gw-1/");
    expect(network.sent).toEqual([]);
  });

  test("with a flood that the session's gateway does not take loses its own link", async () => {
    const { other, node } = withCall();
    node.lose();
    await node.comeTo(other);
    other.bufferedBytes = 16 * 1024 * 1024;
    node.send(text(1, "b"));
    expect(node.socket.isTerminated).toBe(true);
  });

  test("with a frame that is larger than any loses its own link, and nothing of it reaches the session's gateway", async () => {
    const { network, other, node } = withCall();
    node.lose();
    await node.comeTo(other);
    const before = network.sent.length;
    node.send(new Uint8Array(MAX_FRAME_BYTES + 1));
    await network.pass(0);
    expect(node.socket.isTerminated).toBe(true);
    expect(network.sent.slice(before).filter((message) => message.includes("frame"))).toEqual([]);
  });
});

describe("a gateway that lies", () => {
  const open = { is: "tunnel", does: "open", accountId: "owner", keyId: "key", keyFamily: "key" };

  test("about a tunnel that it has not, or of another gateway, changes nothing", async () => {
    const { network, holder, other, node, received } = withCall(3);
    node.lose();
    await node.comeTo(other);
    for (const { tunnels } of [holder, other]) {
      const lies: object[] = [
        { does: "close", code: 1006, reason: "" },
        { does: "left", code: 1000 },
        { does: "ping", text: "1" },
        { does: "pong", text: "1" },
        { does: "unknown" },
        {},
      ];
      for (const lie of lies) {
        tunnels.receive("gw-2", { is: "tunnel", tunnel: 1, ...lie } as never);
        tunnels.receive("gw-1", { is: "tunnel", tunnel: 77, ...lie } as never);
      }
      tunnels.receiveFrame("gw-2", inTunnel(1, text(1, "!")));
      tunnels.receiveFrame("gw-2", inTunnel(1, text(1, "!"), 66));
    }
    node.send(text(1, "b"), finish(1));
    await network.pass();
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
  });

  test("gets no session without its secret, and none by frames that are no REGISTER", () => {
    const { holder, node, received } = withCall();
    const frames = [
      registerOf({ ...node.ticket, secret: "guessed" }),
      registerOf({}),
      registerOf(undefined),
      text(1, "!"),
      encodeCredit(1, 5),
      new Uint8Array(3),
      new Uint8Array(),
    ];
    frames.forEach((frame, tunnel) => {
      holder.tunnels.receive("gw-1", { ...open, address: "x", tunnel } as never);
      holder.tunnels.receiveFrame("gw-1", inTunnel(tunnel, frame));
      holder.tunnels.receiveFrame("gw-1", inTunnel(tunnel, text(1, "!")));
    });
    node.send(text(1, "b"), finish(1));
    expect(received).toMatchObject({ data: ["a", "b"], finished: 1, failures: [] });
    expect(node.socket.isTerminated).toBe(false);
  });

  test("opens so many tunnels that no more are kept", () => {
    const network = new Network();
    for (let tunnel = 0; tunnel < 10_010; tunnel++) {
      network.gateways[0]!.tunnels.receive("gw-1", { ...open, address: "x", tunnel } as never);
    }
    expect(network.sent.filter((what) => what === "gw-0 to gw-1: close")).toHaveLength(10);
  });

  test("and says nothing more of a node that it carries costs what a silent link costs", async () => {
    const { network, holder, other, node, received } = withCall();
    node.lose();
    await node.comeTo(other);
    other.isFrozen = true;
    holder.harness.links.start();
    await network.pass(12_000);
    expect([...holder.harness.hub.nodes()][0]!.view([]).state).toBe("reconnecting");
    await network.pass(30_000);
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
  });
});

function registerOf(resume: RegisterV2["resume"]): Uint8Array {
  const register = { max_parallel: 2, models: ["m"], node_id: "n1" };
  return encodeJson("register", 0, { ...register, ...(resume && { resume }) });
}

function inTunnel(tunnel: number, frame: Uint8Array, type = 65): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES + frame.byteLength);
  message[0] = type;
  new DataView(message.buffer).setUint32(4, tunnel);
  message.set(frame, HEADER_BYTES);
  return message;
}
