/** A hub with scripted nodes, a scheduler and a relay under a fake clock, for tests. */

import { Endpoint, type ShareWith } from "../../../protocol/mod.ts";
import { FakeClock } from "../../base/testing/fake_clock.ts";
import type { Fields, Log } from "../../base/log.ts";
import type { AttemptSink, Order, RunningAttempt } from "../../node/attempt.ts";
import type { Evidence } from "../../node/blame.ts";
import { Failure } from "../../node/failure.ts";
import { ReceivedBody } from "../../node/body.ts";
import type { Route } from "../../node/audience.ts";
import { Hub } from "../../node/hub.ts";
import { Node } from "../../node/node.ts";
import { type FactsByModel, factsByModel } from "../../node/model_facts.ts";
import { type Circuit, PenaltyBook, type PenaltyTimes } from "../../node/penalty.ts";
import { GroupBook, testAudienceOf } from "../../node/testing/group_book.ts";
import { V1Answer } from "../../node/v1_answer.ts";
import type { LedgerEntry } from "../../store/store.ts";
import type { AnswerSource } from "../../node/kept_answer.ts";
import type { AnswerWriter } from "../answer_writer.ts";
import type { UpstreamRejection } from "../classify_failure.ts";
import { type AliasPlan, type AnswerRoom, Call, type Target } from "../../schedule/call.ts";
import { Calls } from "../calls.ts";
import type { Lease } from "../../schedule/lease.ts";
import { createPolicies } from "../../schedule/policy/registry.ts";
import { ResponseAffinity } from "../response_affinity.ts";
import type { Choice, Policies, PolicyName, Timing } from "../../schedule/policy/policy.ts";
import { Relay } from "../relay.ts";
import type { RemoteWaiters } from "../../schedule/remote_waiters.ts";
import { Scheduler, type SchedulerConfig } from "../../schedule/scheduler.ts";

const encoder = new TextEncoder();

/** No test takes so long. */
const DEADLINE_MS = 1e9;

/** An attempt that a scripted node was sent. */
export class Received {
  isCancelled = false;
  isForgotten = false;
  consumedBytes = 0;
  /** Whether the answer says that the upstream failed. */
  hasFailed = false;
  readonly #answer: V1Answer;

  constructor(readonly order: Order, readonly sink: AttemptSink) {
    this.#answer = new V1Answer(order);
  }

  /** The node sends a chunk, or the whole answer of a call that does not stream. */
  chunk(value: unknown): void {
    this.sink.data(this.#answer.take(value, JSON.stringify(value)));
  }

  text(content: string): void {
    this.chunk({ choices: [{ index: 0, delta: { content } }] });
  }

  error(code: number, message = "no", retryAfterMs?: number): void {
    const retry = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs };
    const error = { request_id: "x", code, message, ...retry };
    this.sink.fail({ kind: "refused", error });
  }

  tally() {
    return { ...this.#answer.tally(), ...(this.hasFailed ? { hasFailed: true as const } : {}) };
  }
}

export interface WorldConfig extends Partial<SchedulerConfig>, Partial<PenaltyTimes> {
  policy?: PolicyName;
  /** Whether an administrator has approved all nodes. */
  trustsNodes?: boolean;
  remoteWaiters?: RemoteWaiters;
}

export interface CallOptions {
  model?: string;
  /** Default: chat. */
  endpoint?: Endpoint;
  account?: string;
  stream?: boolean;
  messages?: string[];
  wantsPosition?: boolean;
  route?: Route;
  /** The name of the only node that can serve the call. */
  requiredNode?: string;
  /** What the client calls the call's session. */
  session?: string;
  /** Where the call may go, if `model` is an alias. */
  targets?: (Partial<Target> & { model: string })[];
}

export class World {
  readonly clock = new FakeClock();
  readonly hub: Hub;
  readonly penalties: PenaltyBook;
  readonly policy: PolicyName;
  readonly calls = new Calls(this.clock, DEADLINE_MS);
  readonly ledger: LedgerEntry[] = [];
  readonly provisional: LedgerEntry[] = [];
  readonly logged: (Fields & { level: string; message: string })[] = [];
  /** Nodes that were reported as penalised or recovered. */
  readonly reported: string[] = [];
  readonly groups = new GroupBook();
  /** Nodes that their owners have paused; to be followed by `hub.review`. */
  readonly held = new Set<Node>();
  readonly responseAffinity = new ResponseAffinity(this.clock);
  readonly policies: Policies;
  readonly scheduler: Scheduler;
  readonly relay: Relay;
  #names = 0;

  constructor(config: WorldConfig = {}, random: () => number = () => 0) {
    const { clock } = this;
    const {
      policy = "least-busy",
      trustsNodes: isTrusted = false,
      penaltyMs = 60_000,
      penaltyMaxMs = 600_000,
      remoteWaiters,
      ...limits
    } = config;
    this.policy = policy;
    const hub = new Hub({
      standingOf: (node) => ({
        label: null,
        hold: this.held.has(node) ? "paused" : null,
        isTrusted,
      }),
      audienceOf: testAudienceOf,
    });
    this.hub = hub;
    const penalties = new PenaltyBook(clock, { penaltyMs, penaltyMaxMs });
    this.penalties = penalties;
    const policies = createPolicies({ policy, policies: new Map() }, { hub, clock, seed: 7n });
    this.policies = policies;
    const write = (level: string) => (fields: Fields, message: string) =>
      void this.logged.push({ ...fields, level, message });
    const log: Log = {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
    const parts = {
      hub,
      penalties,
      policies,
      clock,
      random,
      log,
      memberships: this.groups,
      ...(remoteWaiters && { remoteWaiters }),
    };
    this.scheduler = new Scheduler(parts, {
      queuePerModel: 10,
      queuePerAccount: 5,
      queueWaitMs: 30_000,
      ...limits,
    });
    this.relay = new Relay({
      scheduler: this.scheduler,
      responseAffinity: this.responseAffinity,
      calls: this.calls,
      clock,
      log,
      ledger: {
        record: (entry) => void this.ledger.push(entry),
        recordProvisional: (entry) => void this.provisional.push(entry),
      },
      nonce: () => String(this.#names++),
      onPenalty: ({ who }, { code }) => void this.reported.push(`${who.publicId} ${code}`),
      onRecovery: ({ who }, model) => void this.reported.push(`${who.publicId} ${model} recovered`),
    }, {
      keepAliveMs: 5_000,
      firstTokenMs: 20_000,
      idleMs: 10_000,
      cancelGraceMs: 5_000,
      maxRetries: 3,
      maxAnswerBytes: 4_000,
      heldAnswerBytes: 1_000,
      heldNodeBytes: 2_000,
    });
  }

  /** Connects a node to this gateway or to another one. `received` collects what the node is sent. */
  node(
    name: string,
    maxParallel = 1,
    models: string[] = ["m"],
    { gateway = null, facts, owner = `owner-${name}`, shareWith }: {
      gateway?: string | null;
      facts?: FactsByModel;
      owner?: string;
      shareWith?: ShareWith;
    } = {},
  ) {
    const received: Received[] = [];
    const state = { refusesSends: false };
    const connection = {
      start(order: Order, sink: AttemptSink): RunningAttempt | null {
        if (state.refusesSends) return null;
        const attempt = new Received(order, sink);
        received.push(attempt);
        return {
          tally: () => attempt.tally(),
          consumed: (bytes) => {
            attempt.consumedBytes += bytes;
          },
          cancel: () => {
            attempt.isCancelled = true;
          },
          forget: () => {
            attempt.isForgotten = true;
          },
        };
      },
      close() {},
    };
    const who = {
      publicId: name,
      nodeKey: `key/${name}`,
      accountId: owner,
      keyId: "key",
    };
    const offer = { name, agent: null, maxParallel, models, facts, shareWith };
    const node = new Node(who, offer, connection, this.clock.now(), gateway);
    this.hub.add(node);
    return { node, received, state, leave: () => this.hub.remove(node) };
  }

  /** Leases a slot for a new call. */
  lease(call = this.call(), tried: ReadonlySet<string> = new Set()): Promise<Lease> | Lease {
    return this.scheduler.lease(call, { tried, isRetry: false });
  }

  /** Why the call got its node, under the policy auto. */
  choiceOf({ request }: Call): Choice | null {
    return this.scheduler.choiceOf(request);
  }

  circuit({ node }: { node: Node }, model = "m"): Circuit {
    return this.penalties.circuit(node.who.nodeKey, model);
  }

  /** What the relay does after a failed attempt. */
  fails(lease: Lease, evidence: Evidence = "link lost", retryAfterMs?: number): void {
    const details = retryAfterMs === undefined ? {} : { retryAfterMs };
    this.scheduler.failed(lease, this.call(), new Failure(evidence, details));
    lease.release();
  }

  /** What the relay does after an answer. */
  answers(lease: Lease, call = this.call(), timing: Partial<Timing> = {}): void {
    const answer = { firstTokenMs: 100, durationMs: 1_000, completionTokens: 10, ...timing };
    this.scheduler.answered(lease, call, answer);
    lease.release();
  }

  call(options: CallOptions = {}): Call {
    const {
      model = "m",
      account = "alice",
      stream = false,
      messages,
      wantsPosition = false,
      route = "any" as Route,
    } = options;
    const { endpoint = Endpoint.chat, requiredNode } = options;
    const id = `req-${this.#names++}`;
    const request = {
      id,
      accountId: account,
      keyId: `key-${account}`,
      endpoint,
      model,
      stream,
      wantsUsage: false,
      streamOptions: null,
      choices: 1,
      headers: null,
      requiredNode: requiredNode === undefined ? null : `key/${requiredNode}`,
      route,
      wantsPosition,
      sessionHint: options.session ?? null,
      body: new ReceivedBody(encoder.encode(JSON.stringify({ model, messages, stream }))),
    };
    return new Call(request, this.clock.monotonic(), this.clock.now(), planOf(options));
  }
}

function planOf({ model: name = "m", targets }: CallOptions): AliasPlan | null {
  if (targets === undefined) return null;
  return {
    name,
    targets: targets.map((target) => ({
      contextAtLeast: 0,
      needs: [],
      prefer: null,
      maxWaitMs: 0,
      ...target,
    })),
    bodyFor: (model) => new ReceivedBody(encoder.encode(JSON.stringify({ model }))),
  };
}

/** The facts of a node that serves its model "m" at these endpoints. */
export function servedAt(...endpoints: Endpoint[]): FactsByModel {
  return factsByModel({ m: { endpoints } }, ["m"]);
}

/** The id of the node that a call gets now; else "waits", or the error's code. The lease is released. */
export function outcomeOf(leaseOf: () => Promise<Lease> | Lease): string {
  try {
    const lease = leaseOf();
    if (lease instanceof Promise) {
      void lease.catch(() => {});
      return "waits";
    }
    lease.release();
    return lease.node.who.publicId;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** A writer that keeps what is written to it. */
export class KeptAnswer implements AnswerWriter {
  body: string | null = null;
  rejection: UpstreamRejection | null = null;
  error: { code: string; message: string; retryAfterMs: number | null } | null = null;
  events: string[] = [];
  positions: number[] = [];
  /** The node whose head counts, and its headers. */
  headOf: { node: string; headers: Readonly<Record<string, string>> } | null = null;
  endings = 0;
  lateWrites = 0;
  isStalled = false;
  /** Bytes of whole answers that are held and were not handed over. */
  heldBytes = 0;
  /** What the budgets say to everything that is to be held. */
  room: AnswerRoom = "enough";
  #source: AnswerSource | null = null;

  head({ who }: Node, headers: Readonly<Record<string, string>>): void {
    this.headOf = { node: who.publicId, headers };
  }

  discardHead(): void {
    this.headOf = null;
  }

  queued(position: number): void {
    this.positions.push(position);
  }

  data(events: string | Uint8Array, source: AnswerSource): boolean {
    if (this.endings > 0) this.lateWrites++;
    this.#source = source;
    this.events.push(Buffer.from(events as string).toString());
    // Nothing is held of a stream.
    if (this.heldBytes > 0) this.heldBytes -= events.length;
    return !this.isStalled;
  }

  hold(bytes: number): AnswerRoom {
    if (bytes <= 0 || !this.room.endsWith("_full")) this.heldBytes += bytes;
    return this.room;
  }

  /** The caller reads on after a stall. */
  drain(): void {
    this.isStalled = false;
    this.#source?.drained();
  }

  whole(body: string | Uint8Array): void {
    this.heldBytes -= body.length;
    this.body = Buffer.from(body as string).toString();
    this.endings++;
  }

  end(): void {
    this.endings++;
  }

  reject(rejection: UpstreamRejection): void {
    this.rejection = rejection;
    this.endings++;
  }

  fail(error: { code: string; message: string; retryAfterMs: number | null }): void {
    this.error = error;
    this.endings++;
  }

  get deliveredBytes(): number {
    return this.events.join("").length + (this.body?.length ?? 0);
  }

  get deliveredChunks(): number {
    return this.events.length;
  }

  /** The text of all content deltas. */
  get text(): string {
    return this.events.map((event) =>
      JSON.parse(event.slice("data: ".length)).choices[0]?.delta.content ?? ""
    ).join("");
  }
}
