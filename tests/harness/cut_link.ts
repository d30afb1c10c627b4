/**
 * A real gateway's links and a real node's session over sockets that a seed cuts, stalls and half-opens,
 * under one clock: what callers received, what ran at the node, and what is left at both ends.
 */

import { fixedCatalogue } from "../../client/testing/fixed_catalogue.ts";
import type { Adapter } from "../../client/adapter/adapter.ts";
import { Session } from "../../client/link/session.ts";
import { Runner } from "../../client/run/runner.ts";
import { type ClientSocket, realWorld, type World } from "../../client/world.ts";
import { CloseCode, DEFAULT_ENDPOINTS, isBusy, SUBPROTOCOL_V2 } from "../../protocol/mod.ts";
import { seeded } from "../../server/base/testing/random.ts";
import { Budgets } from "../../server/base/budgets.ts";
import type { Clock } from "../../server/base/clock.ts";
import { type TunnelMessage, Tunnels } from "../../server/cluster/tunnels.ts";
import { silentLog } from "../../log/log.ts";
import type { AttemptFailure, RunningAttempt } from "../../server/node/attempt.ts";
import { ReceivedBody } from "../../server/node/body.ts";
import { Hub } from "../../server/node/hub.ts";
import type { SocketData } from "../../server/node/link.ts";
import { Links } from "../../server/node/links.ts";
import type { Node } from "../../server/node/node.ts";
import { OfferBudget } from "../../server/node/offer_budget.ts";
import { TurnBatches } from "../../server/node/turn_batches.ts";

export const MAX_PARALLEL = 3;
/** WebSocket's own bytes around a message, about. */
const MESSAGE_OVERHEAD_BYTES = 6;
/** A small window: credit runs out, and comes back, in every run. */
const WINDOW_BYTES = 2_000;

/** The code of a connection that ended without a close frame. */
const LOST = 1006;
/** Of a gateway that leaves. */
const REDIAL_MS = 1_000;
const DRAIN_LOOK_MS = 100;
const MAX_DRAIN_MS = 120_000;
/** After so long a silence a gateway gives another one up. */
const PEER_SILENCE_MS = 6_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Timers of both ends, fired in the order of their times, each up to a few milliseconds late. */
class SimulatedClock {
  nowMs = 1_000;
  #timers: { atMs: number; task: () => void }[] = [];

  constructor(private readonly random: () => number) {}

  after = (delayMs: number, task: () => void): () => void => {
    return this.exactly(Math.max(0, delayMs) + this.random() * 3, task);
  };

  /** For what must keep its order, such as the bytes on a socket. */
  exactly(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, task };
    this.#timers.push(timer);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  /** Fires the next timer. False: none is due until then. */
  async step(untilMs: number): Promise<boolean> {
    let next = this.#timers[0];
    for (const timer of this.#timers) if (timer.atMs < next!.atMs) next = timer;
    if (next === undefined || next.atMs > untilMs) return false;
    this.#timers.splice(this.#timers.indexOf(next), 1);
    this.nowMs = Math.max(this.nowMs, next.atMs);
    next.task();
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }
}

/** How a connection is lost. */
export type Cut = "reset" | "half-open" | "node notices late" | "gateway notices late" | "recycled";

export interface Fault {
  cut: Cut;
  /** Whose bytes are counted, and after how many of them the connection is lost. */
  direction: "to node" | "to gateway";
  afterBytes: number;
}

/** One connection: messages arrive in order, each a moment later, until its fault. */
class Pipe {
  readonly server: ServerEnd;
  readonly client: ClientEnd;
  #sentBytes = { "to node": 0, "to gateway": 0 };
  #lastMs = { "to node": 0, "to gateway": 0 };
  isCut = false;

  constructor(
    readonly world: CutLink,
    readonly gateway: SimulatedGateway,
    readonly fault: Fault | null,
    wire: 1 | 2,
  ) {
    this.server = new ServerEnd(this, wire);
    this.client = new ClientEnd(this, wire);
  }

  carry(direction: "to node" | "to gateway", bytes: number, deliver: () => void): void {
    if (this.isCut) return;
    this.#sentBytes[direction] += bytes + MESSAGE_OVERHEAD_BYTES;
    const { fault, world } = this;
    if (fault?.direction === direction && this.#sentBytes[direction] > fault.afterBytes) {
      return this.cut(fault.cut);
    }
    const atMs = Math.max(world.clock.nowMs + world.random() * 5, this.#lastMs[direction]);
    this.#lastMs[direction] = atMs;
    world.clock.exactly(atMs - world.clock.nowMs, () => {
      if (!this.isCut) deliver();
    });
  }

  cut(kind: Cut): void {
    if (this.isCut) return;
    this.isCut = true;
    const code = kind === "recycled" ? 1001 : 1006;
    const { clock, random } = this.world;
    const tell = (end: ServerEnd | ClientEnd) =>
      clock.exactly(random() * 40, () => end.closed(code));
    if (kind !== "half-open" && kind !== "gateway notices late") tell(this.server);
    if (kind !== "half-open" && kind !== "node notices late") tell(this.client);
  }

  /** One end closes the connection: cuts it, or lets what is on its way arrive. */
  close(by: ServerEnd | ClientEnd, code: number): void {
    const other = by === this.server ? this.client : this.server;
    if (this.isCut || code === LOST) {
      const wasCut = this.isCut;
      this.isCut = true;
      by.closed(code);
      if (!wasCut) this.world.clock.exactly(1, () => other.closed(code));
      return;
    }
    const lastMs = Math.max(...Object.values(this.#lastMs), this.world.clock.nowMs);
    this.world.clock.exactly(lastMs - this.world.clock.nowMs, () => {
      if (this.isCut) return;
      this.isCut = true;
      by.closed(code);
      other.closed(code);
    });
  }
}

class ServerEnd {
  readonly data: SocketData;
  #isClosed = false;

  constructor(private readonly pipe: Pipe, wire: 1 | 2) {
    const dialer = { accountId: "a", keyId: "k", keyFamily: "k", address: "10.0.0.1", wire };
    this.data = { dialer, link: null };
  }

  send(message: string | Uint8Array): number {
    const copy = message.slice();
    this.pipe.carry("to node", copy.length, () => this.pipe.client.receive(copy));
    return 1;
  }

  ping(text = ""): void {
    this.pipe.carry("to node", text.length, () => {
      this.pipe.client.emit("ping");
      this.pipe.carry("to gateway", text.length, () => {
        void this.pipe.gateway.handlers.pong!(this as never, Buffer.from(text) as never);
      });
    });
  }

  close(code: number): void {
    this.pipe.close(this, code);
  }

  terminate(): void {
    this.pipe.close(this, 1006);
  }

  getBufferedAmount(): number {
    return 0;
  }

  closed(code: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    void this.pipe.gateway.handlers.close!(this as never, code, "");
  }
}

class ClientEnd implements ClientSocket {
  readonly bufferedAmount = 0;
  readonly protocol: string;
  #isClosed = false;
  readonly #listeners = new Map<string, (event: unknown) => void>();

  constructor(private readonly pipe: Pipe, wire: 1 | 2) {
    this.protocol = wire === 2 ? SUBPROTOCOL_V2 : "";
  }

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.set(type, listener);
  }

  emit(type: string, event: unknown = {}): void {
    if (!this.#isClosed) this.#listeners.get(type)?.(event);
  }

  receive(message: string | Uint8Array): void {
    const data = typeof message === "string" ? message : Uint8Array.from(message).buffer;
    this.emit("message", { data });
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    const copy = message.slice();
    this.pipe.carry("to gateway", copy.length, () => {
      const server = this.pipe.server as never;
      const received = typeof copy === "string" ? copy : Buffer.from(copy);
      void this.pipe.gateway.handlers.message!(server, received as never);
    });
  }

  ping(): void {
    this.pipe.carry("to gateway", 0, () => {
      void this.pipe.gateway.handlers.ping!(this.pipe.server as never, Buffer.alloc(0) as never);
      this.pipe.carry("to node", 0, () => this.emit("pong"));
    });
  }

  close(code = 1005): void {
    this.pipe.close(this, code);
  }

  terminate(): void {
    this.pipe.close(this, 1006);
  }

  closed(code: number): void {
    this.emit("close", { code, reason: "" });
    this.#isClosed = true;
  }
}

/** A gateway, as far as nodes see it, among others of its network. */
class SimulatedGateway {
  readonly hub = new Hub();
  readonly links: Links;
  readonly handlers;
  readonly tunnels: Tunnels;
  isDraining = false;
  constructor(readonly id: string, private readonly network: CutLink) {
    const { clock, options } = network;
    this.links = new Links({
      hub: this.hub,
      clock: network.serverClock,
      log: silentLog,
      publicId: (nodeKey) => nodeKey,
      offers: new OfferBudget({ offersPerAccount: 100 }, new Budgets(), network.serverClock),
      batches: new TurnBatches((task) => void clock.exactly(0, task)),
    }, {
      pingMs: 15_000,
      silenceMs: 45_000,
      registerMs: 5_000,
      resumeMs: options.resumeMs ?? 30_000,
      maxFrameBytes: 8 << 20,
      maxBufferedBytes: WINDOW_BYTES,
    });
    this.handlers = this.links.handlers();
    this.tunnels = new Tunnels({
      clock: network.serverClock,
      id,
      find: (peer) => network.peerLink(this, peer),
    });
    if ((options.gateways ?? 1) > 1) this.tunnels.attach(this.links);
    this.hub.watch({
      joined: ({ who: { nodeKey } }) => {
        // As the cluster does when the record of a node that has connected elsewhere arrives.
        for (const other of network.gateways) {
          if (other === this) continue;
          clock.exactly(network.random() * 50, () => {
            const node = other.hub.find(nodeKey);
            if (node) other.links.challenge(node);
          });
        }
      },
    });
  }

  get node(): Node | undefined {
    return [...this.hub.nodes()].at(-1);
  }

  /** Leaves as `Shutdown` does; `left` is called once its calls have ended, or after two minutes. */
  drain(left: () => void): void {
    const { clock, serverClock } = this.network;
    this.isDraining = true;
    this.links.goAway("it is restarting", REDIAL_MS);
    const untilMs = clock.nowMs + MAX_DRAIN_MS;
    const look = () => {
      const isIdle = this.network.areOverAt(this) && this.tunnels.carried === 0;
      if (!isIdle && clock.nowMs < untilMs) {
        serverClock.after(DRAIN_LOOK_MS, look);
        return;
      }
      this.links.stop();
      this.links.closeAll(CloseCode.restart, "");
      serverClock.after(DRAIN_LOOK_MS, () => {
        this.links.dropAll();
        left();
      });
    };
    look();
  }
}

/** One call as its caller sees it. */
export interface SimulatedCall {
  id: string;
  gateway: SimulatedGateway;
  received: string;
  ends: ("finished" | AttemptFailure["kind"])[];
  isCancelled: boolean;
  running: RunningAttempt | null;
}

export interface CutLinkOptions {
  seed: number;
  faults: readonly Fault[];
  calls: number;
  resumeMs?: number;
  /** Whether dials between two faults may be refused or lost. */
  hasBadDials?: boolean;
  /** How many gateways a balancer sends the node to, at random. Default: one. */
  gateways?: number;
  /** How often the link between two gateways is lost, and comes back after half a second. Default: never. */
  peerLosses?: number;
  /** How often a gateway is restarted once its calls have ended. Default: never. */
  restarts?: number;
}

export class CutLink {
  readonly random: () => number;
  readonly clock: SimulatedClock;
  readonly serverClock: Clock;
  readonly gateways: SimulatedGateway[];
  readonly session: Session;
  readonly runner: Runner;
  readonly calls: SimulatedCall[] = [];
  /** How often each call was begun at the node's provider. */
  readonly runs = new Map<string, number>();
  readonly #faults: Fault[];
  /** Calls that have not begun. */
  readonly #waiting: string[];
  #badDials = 0;
  readonly #lostPeers = new Set<string>();
  readonly #silentPeers = new Set<string>();
  /** How often the links between two gateways were lost. */
  readonly #epochs = new Map<string, number>();
  /** When the last frame from one gateway to another arrives. */
  readonly #lastMs = new Map<string, number>();
  dials = 0;
  /** Gateways that have left. */
  restarted = 0;
  /** Frames that went from one gateway to another. */
  carriedFrames = 0;
  /** The most slots that were taken at a time, at the node. */
  maxRunning = 0;

  constructor(readonly options: CutLinkOptions) {
    this.random = seeded(options.seed);
    this.clock = new SimulatedClock(this.random);
    const { clock } = this;
    this.serverClock = {
      now: () => clock.nowMs,
      monotonic: () => clock.nowMs,
      after: clock.after,
    };
    this.#faults = [...options.faults];
    this.#waiting = Array.from({ length: options.calls }, (_, i) => `call-${i}`);
    this.gateways = Array.from(
      { length: options.gateways ?? 1 },
      (_, i) => new SimulatedGateway(`gw-${i}`, this),
    );
    const world = this.#nodeWorld();
    const adapter = this.#adapter();
    const offer = { provider: "p", local: "m", endpoints: DEFAULT_ENDPOINTS, adapter };
    const catalogue = fixedCatalogue({ m: [offer] });
    this.runner = new Runner({ catalogue, maxParallel: MAX_PARALLEL, world });
    this.session = new Session({
      urls: [new URL("ws://gateway.example/ws")],
      token: "client-1",
      register: () => ({ max_parallel: MAX_PARALLEL, models: ["m"], node_id: "n1" }),
      runner: this.runner,
      world,
    });
  }

  /** Starts both ends and runs until every call has ended, or `withinMs` are over. */
  async run(withinMs = 180_000): Promise<this> {
    for (const { links } of this.gateways) links.start();
    this.session.start();
    const untilMs = this.clock.nowMs + withinMs;
    const begin = () => {
      const [next] = this.#waiting;
      if (next !== undefined && this.#begin(next)) this.#waiting.shift();
      this.clock.after(this.random() * 300, begin);
    };
    begin();
    for (let i = 0; i < (this.options.peerLosses ?? 0); i++) {
      this.clock.after(500 + this.random() * 5_000, () => this.#losePeers());
    }
    for (let i = 0; i < (this.options.restarts ?? 0); i++) {
      this.clock.after(500 + this.random() * 4_000, () => this.#restart());
    }
    const areOver = () =>
      this.#waiting.length === 0 && this.calls.every(({ ends }) => ends.length > 0);
    while (!areOver() && await this.clock.step(untilMs));
    // Whatever should not come any more would come now.
    const quietMs = this.clock.nowMs + 120_000;
    while (await this.clock.step(quietMs));
    return this;
  }

  /** Each gateway's nodes. */
  get nodes(): Node[] {
    return this.gateways.flatMap(({ hub }) => [...hub.nodes()]);
  }

  /** The link between two gateways, from the first one's side: frames arrive in order, a moment later. */
  peerLink(from: SimulatedGateway, peer: string) {
    const to = this.gateways.find(({ id }) => id === peer);
    if (to === undefined || this.#lostPeers.has(pairOf(from.id, peer))) return undefined;
    const deliver = (task: () => void) => {
      if (this.#silentPeers.has(pairOf(from.id, peer))) return;
      const way = `${from.id} ${peer}`;
      const epoch = this.#epochs.get(pairOf(from.id, peer)) ?? 0;
      const atMs = Math.max(this.clock.nowMs + this.random() * 3, this.#lastMs.get(way) ?? 0);
      this.#lastMs.set(way, atMs);
      this.clock.exactly(atMs - this.clock.nowMs, () => {
        // What was on its way is lost with the link.
        if (epoch === (this.#epochs.get(pairOf(from.id, peer)) ?? 0)) task();
      });
    };
    return {
      send: (message: TunnelMessage) => deliver(() => to.tunnels.receive(from.id, message)),
      sendFrame: (frame: Uint8Array) => {
        this.carriedFrames++;
        const copy = frame.slice();
        deliver(() => to.tunnels.receiveFrame(from.id, copy));
      },
      bufferedBytes: 0,
    };
  }

  /** The link between two gateways is lost, at once or after a silence, as when one of them is frozen. */
  #losePeers(): void {
    const [one, other] = this.gateways;
    const pair = pairOf(one!.id, other!.id);
    this.#epochs.set(pair, (this.#epochs.get(pair) ?? 0) + 1);
    this.#silentPeers.add(pair);
    this.clock.after(this.random() < 0.5 ? 0 : PEER_SILENCE_MS, () => {
      this.#silentPeers.delete(pair);
      this.#lostPeers.add(pair);
      one!.tunnels.peerLost(other!.id);
      other!.tunnels.peerLost(one!.id);
      this.clock.after(500, () => this.#lostPeers.delete(pair));
    });
  }

  /** Whether no call runs that the gateway has sent. */
  areOverAt(gateway: SimulatedGateway): boolean {
    return this.calls.every((call) => call.gateway !== gateway || call.ends.length > 0);
  }

  /** A gateway at random leaves, unless one does already, and another one takes its place. */
  #restart(): void {
    const at = Math.floor(this.random() * this.gateways.length);
    const old = this.gateways[at]!;
    if (this.gateways.some(({ isDraining }) => isDraining)) return;
    old.drain(() => {
      for (const { tunnels } of this.gateways) tunnels.peerLost(old.id);
      this.gateways[at] = new SimulatedGateway(`gw-${at}-${this.clock.nowMs}`, this);
      this.gateways[at].links.start();
      this.restarted++;
    });
  }

  /** The text of a whole answer. */
  static answerOf(id: string): string {
    return textsOf(id).map((text) => `data: ${text}\n\n`).join("");
  }

  #begin(id: string): boolean {
    const { random } = this;
    const isOpen = ({ node, isDraining }: SimulatedGateway) =>
      node !== undefined && node.reconnectsUntil === null && node.active < MAX_PARALLEL &&
      !isDraining;
    const open = this.gateways.filter(isOpen);
    const gateway = open[Math.floor(random() * open.length)];
    const node = gateway?.node;
    if (node === undefined) return false;
    const { hub } = gateway!;
    const call: SimulatedCall = {
      id,
      gateway: gateway!,
      received: "",
      ends: [],
      isCancelled: false,
      running: null,
    };
    const end = (how: SimulatedCall["ends"][number]) => {
      if (call.ends.length === 0) hub.use(node, -1);
      call.ends.push(how);
    };
    const bytes = encoder.encode(`{"model":"m","stream":true,"x":"${"x".repeat(random() * 500)}"}`);
    call.running = node.connection.start({
      attemptId: id,
      endpoint: "/v1/chat/completions",
      model: "m",
      body: new ReceivedBody(bytes),
      stream: true,
      wantsUsage: true,
      streamOptions: null,
      choices: 1,
      headers: null,
    }, {
      head: () => {},
      data: (piece) => {
        call.received += typeof piece === "string" ? piece : decoder.decode(piece);
        const size = piece.length;
        if (random() < 0.5) call.running?.consumed(size);
        else this.clock.after(random() * 100, () => call.running?.consumed(size));
      },
      finish: () => end("finished"),
      fail: (failure) => {
        const { kind } = failure;
        const hasBegun = this.runs.has(id) || call.received !== "";
        // Where the first WELCOME was lost, the node has no session to come back to.
        const isUnknown = !hasBegun && (kind === "lost" || kind === "restarted");
        // Calls of a session that is lost may still stop at the node.
        const isFull = kind === "refused" && isBusy(failure.error) && !call.isCancelled;
        if (kind !== "interrupted" && !isUnknown && !isFull) return end(kind);
        hub.use(node, -1);
        this.#beginAgain(call);
      },
    });
    if (call.running === null) return false;
    hub.use(node, 1);
    this.calls.push(call);
    if (random() < 0.2) {
      this.clock.after(random() * 2_000, () => {
        call.isCancelled = true;
        call.running?.cancel();
      });
    }
    return true;
  }

  /** As the relay does: the node had nothing of the call, so that it is tried again. */
  #beginAgain(call: SimulatedCall): void {
    this.calls.splice(this.calls.indexOf(call), 1);
    if (call.received !== "") throw new Error(`${call.id} had begun`);
    this.#waiting.unshift(call.id);
  }

  #adapter(): Adapter {
    const { runs, clock, random } = this;
    const note = () => this.maxRunning = Math.max(this.maxRunning, this.runner.active);
    return {
      async *answer({ id, signal }) {
        runs.set(id, (runs.get(id) ?? 0) + 1);
        note();
        for (const text of textsOf(id)) {
          if (random() < 0.4) await new Promise<void>((go) => clock.after(random() * 120, go));
          if (signal.aborted) throw signal.reason;
          yield text;
        }
      },
    };
  }

  #nodeWorld(): World {
    const { clock, random } = this;
    return {
      ...realWorld,
      nowMs: () => clock.nowMs,
      todayMs: () => clock.nowMs,
      random,
      fetch: () => Promise.reject(new Error("no network")),
      connect: (_url, _headers, protocols) => this.#connect(protocols.length > 0 ? 2 : 1),
      after: clock.after,
      soon: (run) => void clock.exactly(0, run),
      log: silentLog,
    };
  }

  #connect(wire: 1 | 2): ClientSocket {
    this.dials++;
    const isBad = this.options.hasBadDials && this.dials > 1 && this.#badDials < 3 &&
      this.random() < 0.3;
    const { gateways } = this;
    const gateway =
      gateways[gateways.length === 1 ? 0 : Math.floor(this.random() * gateways.length)]!;
    const pipe = new Pipe(this, gateway, isBad ? null : this.#faults.shift() ?? null, wire);
    if (isBad) {
      this.#badDials++;
      pipe.isCut = true;
      // A dial that is refused, or that is not answered.
      if (this.random() < 0.7) this.clock.after(5, () => pipe.client.closed(1006));
      return pipe.client;
    }
    this.clock.exactly(2, () => {
      const { isDraining, links } = gateway;
      // As the upgrade does.
      if (isDraining && (wire === 1 || !links.mayResumeFor(pipe.server.data.dialer))) {
        pipe.isCut = true;
        return pipe.client.closed(1006);
      }
      pipe.client.emit("open");
      void gateway.handlers.open!(pipe.server as never);
    });
    return pipe.client;
  }
}

function pairOf(one: string, other: string): string {
  return [one, other].sort().join(" ");
}

/** Of 1 to 40 events, some of them long: decided by the call's id alone. */
function textsOf(id: string): string[] {
  const random = seeded([...id].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) >>> 0);
  const texts = Array.from({ length: 1 + Math.floor(random() * 40) }, (_, i) => {
    const content = `${id}:${i}:${"x".repeat(random() < 0.1 ? random() * 3_000 : random() * 60)}`;
    return JSON.stringify({ choices: [{ index: 0, delta: { content } }] });
  });
  return [...texts, JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })];
}
