/** Several gateways of one network in one process: real clusters, schedulers and hubs, joined by memory. */

import { Endpoint, type ShareWith } from "../../../protocol/mod.ts";
import type { Clock } from "../../base/clock.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { FakeClock } from "../../base/testing/fake_clock.ts";
import { ResponseAffinity } from "../../call/response_affinity.ts";
import { Received } from "../../call/testing/world.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "../../node/attempt.ts";
import { ReceivedBody } from "../../node/body.ts";
import type { Route } from "../../node/audience.ts";
import { Hub } from "../../node/hub.ts";
import { GroupBook, testAudienceOf } from "../../node/testing/group_book.ts";
import type { Socket } from "../../node/link.ts";
import { Node } from "../../node/node.ts";
import { PenaltyBook } from "../../node/penalty.ts";
import { Call } from "../../schedule/call.ts";
import type { Lease } from "../../schedule/lease.ts";
import type { Policies, PolicyName } from "../../schedule/policy/policy.ts";
import { createPolicies } from "../../schedule/policy/registry.ts";
import { Scheduler } from "../../schedule/scheduler.ts";
import { PEER_PATH } from "../address.ts";
import { Cluster } from "../cluster.ts";
import { PEER_HEADER } from "../handshake.ts";
import type { DialListener } from "../peers.ts";
import type { PeerSocketData } from "../peer_socket.ts";
import { type MemoryBus, MemoryRedis } from "./memory_redis.ts";

const SECRET = "s".repeat(32);

/** One way between two gateways. */
const LATENCY_MS = 1;

/** More than any link takes to come up, and any change to be known everywhere. */
export const SETTLED_MS = 2_500;

export interface TestGatewayOptions {
  /** How far this machine's wall clock is ahead of Redis'. */
  clockAheadMs?: number;
  log?: Log;
  policy?: PolicyName;
}

export class TestNetwork {
  readonly clock = new FakeClock();
  readonly redis = new MemoryRedis(this.clock);
  readonly gateways: TestGateway[] = [];
  readonly groups = new GroupBook();
  /** Links, by the names of both ends. */
  readonly #links = new Map<string, MemoryLink>();
  readonly #silenced = new Set<string>();

  /** One more gateway, which has not started. */
  create(options: TestGatewayOptions = {}): TestGateway {
    const gateway = new TestGateway(this, options);
    this.gateways.push(gateway);
    return gateway;
  }

  /** One more gateway, which has joined the others when this resolves. */
  async add(options: TestGatewayOptions = {}): Promise<TestGateway> {
    const gateway = this.create(options);
    const started = gateway.cluster.start();
    await this.clock.pass(SETTLED_MS);
    await started;
    return gateway;
  }

  /** From now on nothing passes between the two, and neither is notified. */
  silence(one: TestGateway, other: TestGateway): void {
    this.#silenced.add(pairOf(one.id, other.id));
    const link = this.#links.get(pairOf(one.id, other.id));
    if (link) link.isSilent = true;
  }

  silenceAll(gateway: TestGateway): void {
    for (const other of this.gateways) if (other !== gateway) this.silence(gateway, other);
  }

  /** The two can reach each other again. */
  mend(one: TestGateway, other: TestGateway): void {
    this.#silenced.delete(pairOf(one.id, other.id));
  }

  /** The process is gone without a word: its sockets close, and Redis receives nothing more from it. */
  kill(gateway: TestGateway): void {
    gateway.isDead = true;
    gateway.bus.isAway = true;
    for (const other of this.gateways) this.#links.get(pairOf(gateway.id, other.id))?.end(0, 1006);
  }

  linkOf(one: TestGateway, other: TestGateway): MemoryLink {
    return this.#links.get(pairOf(one.id, other.id))!;
  }

  dial(from: TestGateway, url: string, header: string, listener: DialListener): Socket {
    const to = this.gateways.find((gateway) => gateway.url === url.replace(/^ws/, "http"));
    const admitted = to?.cluster.admit(new Headers({ [PEER_HEADER]: header })) ?? null;
    const link = new MemoryLink(this.clock);
    const isReachable = to !== undefined && !to.isDead && !from.isDead &&
      !this.#silenced.has(pairOf(from.id, to.id));
    link.isSilent = !isReachable;
    let accepted: LinkEnd | null = null;
    link.ends = [{
      message: (bytes) => listener.message(bytes),
      ping: () => listener.ping(),
      pong: (text) => listener.pong(text),
      closed: (code) => listener.closed(`connection closed (${code})`),
    }, {
      message: (bytes) => accepted?.message(bytes),
      ping: (text) => accepted?.ping(text),
      pong: (text) => accepted?.pong(text),
      closed: (code) => accepted?.closed(code),
    }];
    if (isReachable) {
      this.clock.after(LATENCY_MS, () => {
        if (admitted === null) return link.end(0, 1006);
        this.#links.set(pairOf(from.id, to.id), link);
        accepted = accept(to, admitted, link.socket(1));
      });
    }
    return link.socket(0);
  }
}

/** The dialled gateway's end, whose handlers expect Bun's socket and use only this of it. */
function accept(gateway: TestGateway, data: PeerSocketData, socket: Socket): LinkEnd {
  const handlers = gateway.cluster.handlers();
  const ws = { ...socket, data } as unknown as Parameters<NonNullable<typeof handlers.open>>[0];
  void handlers.open?.(ws);
  return {
    message: (bytes) => void handlers.message?.(ws, Buffer.from(bytes)),
    ping: (text) => void handlers.ping?.(ws, Buffer.from(text)),
    pong: (text) => void handlers.pong?.(ws, Buffer.from(text)),
    closed: (code) => void handlers.close?.(ws, code, ""),
  };
}

function pairOf(one: string, other: string): string {
  return [one, other].sort().join(" ");
}

interface LinkEnd {
  message(bytes: Uint8Array): void;
  ping(text: string): void;
  pong(text: string): void;
  closed(code: number): void;
}

/** A WebSocket, seen from both ends. */
export class MemoryLink {
  isSilent = false;
  ends: readonly LinkEnd[] = [];
  /** Frames sent, by end: 0 is the one that dialled. */
  readonly frames: [Uint8Array[], Uint8Array[]] = [[], []];
  readonly #isClosed = [false, false];

  constructor(private readonly clock: Clock) {}

  socket(end: 0 | 1): Socket {
    const other = 1 - end;
    return {
      send: (message) => {
        if (this.#isClosed[end]) return 0;
        const copy = Uint8Array.from(message as Uint8Array);
        this.frames[end].push(copy);
        this.#deliver(other, (to) => to.message(copy));
        return copy.byteLength;
      },
      ping: (text = "") => {
        this.#deliver(other, (to) => {
          to.ping(text);
          this.#deliver(end, (from) => from.pong(text));
        });
      },
      close: (code) => {
        // As a closing handshake: without the other end nothing happens.
        this.#deliver(other, () => this.end(end, code));
      },
      terminate: () => this.end(end, 1006),
      getBufferedAmount: () => 0,
    };
  }

  /** Closes one end; the other is notified as far as anything passes. */
  end(end: number, code: number): void {
    if (this.#isClosed[end]) return;
    this.#isClosed[end] = true;
    this.clock.after(LATENCY_MS, () => this.ends[end]?.closed(code));
    this.#deliver(1 - end, (to) => {
      this.#isClosed[1 - end] = true;
      to.closed(code);
    });
  }

  #deliver(end: number, task: (end: LinkEnd) => void): void {
    this.clock.after(LATENCY_MS, () => {
      const to = this.ends[end];
      if (!this.isSilent && !this.#isClosed[end] && to !== undefined) task(to);
    });
  }
}

export class TestGateway {
  readonly hub = new Hub({ audienceOf: testAudienceOf });
  readonly penalties: PenaltyBook;
  readonly affinity: ResponseAffinity;
  readonly cluster: Cluster;
  readonly policies: Policies;
  readonly scheduler: Scheduler;
  /** Nodes that were to show which connection is theirs. */
  readonly challenged: Node[] = [];
  /** What a node does that is asked to dial another gateway. Default: its wire has no word for it. */
  onMove: (node: Node) => boolean = () => false;
  readonly url: string;
  bus!: MemoryBus;
  isDead = false;
  readonly #clock: Clock;
  #calls = 0;

  constructor(
    network: TestNetwork,
    { clockAheadMs = 0, log = silentLog, policy = "least-busy" }: TestGatewayOptions,
  ) {
    const base = network.clock;
    const clock: Clock = {
      now: () => base.now() + clockAheadMs,
      // A monotonic clock begins anywhere.
      monotonic: () => base.monotonic() - 7 * clockAheadMs,
      after: (delayMs, task) => base.after(delayMs, task),
    };
    this.#clock = clock;
    this.url = `http://gateway-${network.gateways.length}:8080`;
    this.penalties = new PenaltyBook(clock, { penaltyMs: 60_000, penaltyMaxMs: 600_000 });
    this.affinity = new ResponseAffinity(clock);
    const { hub, penalties } = this;
    const policies = createPolicies({ policy, policies: new Map() }, { hub, clock, seed: 1n });
    this.policies = policies;
    this.cluster = new Cluster({
      openBus: (listener) => this.bus = network.redis.openBus(listener),
      hub,
      penalties,
      responseAffinity: this.affinity,
      policies,
      memberships: network.groups,
      clock,
      log,
      version: "1",
      secret: SECRET,
      url: () => this.url,
      challenge: (node) => void this.challenged.push(node),
      startedAs: () => {},
      move: (node) => this.onMove(node),
      dial: (url, headers, listener) =>
        network.dial(this, url.slice(0, -PEER_PATH.length), headers[PEER_HEADER] ?? "", listener),
    }, {
      maxBodyBytes: 10_000,
      maxFrameBytes: 10_000,
      maxBufferedBytes: 1 << 20,
      cancelGraceMs: 1_000,
    });
    this.scheduler = new Scheduler({
      hub,
      penalties,
      policies,
      memberships: network.groups,
      clock,
      log,
      random: () => 0,
      remoteWaiters: this.cluster.offers,
    }, { queuePerModel: 100, queuePerAccount: 100, queueWaitMs: 60_000 });
    this.cluster.attach(this.scheduler);
  }

  get id(): string {
    return this.cluster.id;
  }

  /** Connects a node here; what it is sent gathers in `received`. */
  node(
    name: string,
    maxParallel = 1,
    models: string[] = ["m"],
    { owner = "owner", shareWith }: { owner?: string; shareWith?: ShareWith } = {},
  ) {
    const received: Received[] = [];
    const connection = {
      start(order: Order, sink: AttemptSink): RunningAttempt {
        const attempt = new Received(order, sink);
        received.push(attempt);
        return {
          tally: () => attempt.tally(),
          consumed: (bytes) => void (attempt.consumedBytes += bytes),
          cancel: () => void (attempt.isCancelled = true),
          forget: () => void (attempt.isForgotten = true),
        };
      },
      close() {},
    };
    const who = { publicId: name, nodeKey: `key/${name}`, accountId: owner, keyId: "key" };
    const offer = { name, agent: null, maxParallel, models, shareWith };
    const node = new Node(who, offer, connection, this.#clock.now());
    this.hub.add(node);
    return { node, received, leave: () => this.hub.remove(node) };
  }

  /** The node of this name, wherever it is connected. */
  find(name: string): Node | undefined {
    return this.hub.findPublic(name);
  }

  /** The names of other gateways' nodes that are offered here. */
  remoteNodes(): string[] {
    const remote = [...this.hub.nodes()].filter(({ gateway }) => gateway !== null);
    return remote.map(({ who }) => who.publicId).sort();
  }

  /** Asks for a slot for a new call. */
  lease(...wanted: Parameters<TestGateway["call"]>): Promise<Lease> | Lease {
    return this.scheduler.lease(this.call(...wanted), { tried: new Set(), isRetry: false });
  }

  /** A node answers a call with 100 tokens, each of which takes so long; returns its name. */
  async answered(msPerToken: number): Promise<string> {
    const call = this.call();
    const lease = await this.scheduler.lease(call, { tried: new Set(), isRetry: false });
    const durationMs = 100 + 100 * msPerToken;
    const timing = { firstTokenMs: 100, durationMs, completionTokens: 100 };
    this.scheduler.answered(lease, call, timing);
    lease.release();
    return lease.node.who.publicId;
  }

  call(
    model = "m",
    requiredNode: string | null = null,
    { account = "alice", route = "any", bytes = 0 }: {
      account?: string;
      route?: Route;
      /** The size of its body. */
      bytes?: number;
    } = {},
  ): Call {
    const request = {
      id: `req-${this.#calls++}`,
      accountId: account,
      keyId: "key",
      endpoint: Endpoint.chat,
      model,
      stream: true,
      wantsUsage: true,
      streamOptions: null,
      choices: 1,
      headers: null,
      requiredNode,
      sessionHint: null,
      route,
      wantsPosition: false,
      body: new ReceivedBody(new Uint8Array(bytes)),
    };
    return new Call(request, this.#clock.monotonic(), this.#clock.now());
  }
}

/** Sends a call with this body to a node; what comes back gathers in the result. */
export function startOn(node: Node, body = "{}", accountId = "alice") {
  const bytes = new TextEncoder().encode(body);
  const order: Order = {
    attemptId: crypto.randomUUID(),
    endpoint: Endpoint.chat,
    model: "m",
    body: new ReceivedBody(bytes),
    stream: true,
    wantsUsage: true,
    streamOptions: null,
    choices: 1,
    headers: null,
    accountId,
  };
  const got = {
    text: "",
    hasFinished: false,
    failure: null as AttemptFailure | null,
    headers: null as Readonly<Record<string, string>> | null,
    /** What was reported of the node's link, in order. */
    link: [] as string[],
  };
  const running = node.connection.start(order, {
    head: (headers) => void (got.headers = headers),
    data: (piece) => void (got.text += Buffer.from(piece as string).toString()),
    finish: () => void (got.hasFinished = true),
    fail: (failure) => void (got.failure = failure),
    suspended: () => void got.link.push("suspended"),
    resumed: () => void got.link.push("resumed"),
  });
  return { got, running };
}
