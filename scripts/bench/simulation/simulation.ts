/** Calls over simulated nodes in simulated time: with the real scheduler under a policy, or with an oracle in its place. */

import { Endpoint } from "../../../protocol/mod.ts";
import { silentLog } from "../../../server/base/log.ts";
import { seeded } from "../../../server/base/testing/random.ts";
import { Hub } from "../../../server/node/hub.ts";
import { Node } from "../../../server/node/node.ts";
import { PenaltyBook } from "../../../server/node/penalty.ts";
import { Call, type CallRequest } from "../../../server/schedule/call.ts";
import { Auto } from "../../../server/schedule/policy/auto.ts";
import type { PolicyName } from "../../../server/schedule/policy/policy.ts";
import { createPolicies } from "../../../server/schedule/policy/registry.ts";
import { Scheduler } from "../../../server/schedule/scheduler.ts";
import { EventClock } from "./event_clock.ts";
import { ModelServer } from "./model_server.ts";
import { type Ask, conversation, gap, meanWork, type TraceName } from "./traces.ts";
import { ReceivedBody } from "../../../server/node/body.ts";

const MODEL = "model-0";
const ACCOUNTS = 20;
/** Between an answer and the next question of a conversation. */
const THINK_MS = 8_000;

export interface SimulationOptions {
  trace: TraceName;
  /** Tokens per second of each node. */
  speeds: readonly number[];
  slots: number;
  /** Of what all nodes can write at full use, from 0 to 1. */
  load: number;
  by: PolicyName | "oracle";
  calls: number;
  /** The first ones do not count. */
  warmUp: number;
  seed: number;
  /** Called before each call is placed. */
  before?: (event: { call: number; servers: ModelServer[]; network: Network }) => void;
}

/** Lets nodes come and go. */
interface Network {
  leave(server: number): void;
  join(server: number): void;
}

export interface SimulationResult {
  firstMs: number[];
  endMs: number[];
  /** Until each of these calls had its slot. */
  waitedMs: number[];
  /** The server of each call, in the order in which they got their slots. */
  placed: number[];
  /** Medians over nodes of how far expectations were off. */
  firstErrors: number[];
  endErrors: number[];
}

interface Placing {
  place(ask: Ask, accountId: string, serve: (server: ModelServer) => () => void): void;
  network: Network;
  finish?(result: SimulationResult): void;
}

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { trace, speeds, slots, load, calls, warmUp, seed, by } = options;
  const clock = new EventClock();
  const servers = speeds.map((speed) => new ModelServer(speed, slots));
  const indexes = new Map(servers.map((server, i) => [server, i]));
  const result: SimulationResult = {
    firstMs: [],
    endMs: [],
    waitedMs: [],
    placed: [],
    firstErrors: [],
    endErrors: [],
  };
  const random = seeded(seed);
  const placing = by === "oracle"
    ? oracle(clock, servers)
    : underPolicy(clock, servers, by, seeded(seed + 1));
  const capacity = servers.reduce((sum, server) => sum + server.capacity, 0);
  let [begun, ended] = [0, 0];
  const ask = (asks: readonly Ask[], turn: number, accountId: string) => {
    const number = begun++;
    options.before?.({ call: number, servers, network: placing.network });
    const arrivedMs = clock.monotonic();
    placing.place(asks[turn]!, accountId, (server) => {
      result.placed.push(indexes.get(server)!);
      const { firstMs, endMs } = server.begin(asks[turn]!);
      const waitedMs = clock.monotonic() - arrivedMs;
      clock.after(endMs, () => {
        ended++;
        if (number >= warmUp) {
          result.firstMs.push(waitedMs + firstMs);
          result.endMs.push(waitedMs + endMs);
          result.waitedMs.push(waitedMs);
        }
        if (turn + 1 < asks.length) clock.after(THINK_MS, () => ask(asks, turn + 1, accountId));
      });
      timings = { firstMs, endMs };
      return () => server.running--;
    });
  };
  const perConversation = trace === "conversations" ? 8 : 1;
  const meanGapMs = 1000 * meanWork(trace) * perConversation / (capacity * load);
  const arrive = () => {
    if (begun >= calls) return;
    const name = `${seed} ${begun}`;
    const accountId = `account-${Math.floor(random() * ACCOUNTS)}`;
    ask(conversation(trace, random, name), 0, accountId);
    clock.after(gap(trace, meanGapMs, clock.monotonic(), random), arrive);
  };
  arrive();
  await clock.run(() => ended >= calls);
  placing.finish?.(result);
  return result;
}

/** What the server that has begun a call last needs for it. */
let timings = { firstMs: 0, endMs: 0 };

/** Knows the length of every answer and the speed of every node: the call goes where it ends first, waiting included. */
function oracle(clock: EventClock, servers: readonly ModelServer[]): Placing {
  const ends = servers.map((): number[] => []);
  const away = new Set<number>();
  const fastestFirst = servers.map((_, i) => i)
    .sort((a, b) => servers[b]!.tokensPerSecond - servers[a]!.tokensPerSecond);
  // Beyond the first one at which the answer would end too late even if it ran alone, none can be better.
  const isSorted = () =>
    servers.length > 100 ||
    fastestFirst.every((server, i) =>
      i === 0 || servers[server]!.tokensPerSecond <= servers[fastestFirst[i - 1]!]!.tokensPerSecond
    );
  return {
    network: { leave: (i) => void away.add(i), join: (i) => void away.delete(i) },
    place({ promptTokens, answerTokens }, _accountId, serve) {
      const nowMs = clock.monotonic();
      let best = 0;
      let bestMs = Infinity;
      let bestStartMs = 0;
      const order = isSorted() ? fastestFirst : null;
      for (let place = 0; place < servers.length; place++) {
        const i = order?.[place] ?? place;
        const server = servers[i]!;
        if (order !== null && nowMs + server.times(promptTokens, answerTokens, 1).endMs > bestMs) {
          break;
        }
        if (away.has(i)) continue;
        const busy = ends[i]!;
        while (busy.length > 0 && busy[0]! <= nowMs) busy.shift();
        const startMs = busy.length < server.slots ? nowMs : busy[busy.length - server.slots]!;
        const running = Math.min(server.slots, busy.length + 1);
        const endMs = startMs + server.times(promptTokens, answerTokens, running).endMs;
        if (endMs < bestMs) [best, bestMs, bestStartMs] = [i, endMs, startMs];
      }
      ends[best]!.push(bestMs);
      ends[best]!.sort((a, b) => a - b);
      clock.after(bestStartMs - nowMs, () => {
        const release = serve(servers[best]!);
        clock.after(timings.endMs, release);
      });
    },
  };
}

function underPolicy(
  clock: EventClock,
  servers: readonly ModelServer[],
  policy: PolicyName,
  random: () => number,
): Placing {
  const hub = new Hub({ standingOf: () => ({ label: null, hold: null, isTrusted: true }) });
  const penalties = new PenaltyBook(clock, { penaltyMs: 60_000, penaltyMaxMs: 600_000 });
  const policies = createPolicies({ policy, policies: new Map() }, { hub, clock, seed: 7n });
  const parts = { hub, penalties, policies, clock, random, log: silentLog };
  const limits = {
    queuePerModel: 1e6,
    queuePerAccount: 1e6,
    queueWaitMs: 1e9,
    fasterWaitMs: 5_000,
  };
  const scheduler = new Scheduler(parts, limits);
  const nodes = servers.map((server, i) => {
    const who = { publicId: `${i}`, nodeKey: `key/${i}`, accountId: "owner", keyId: "key" };
    const offer = { name: "node", agent: null, maxParallel: server.slots, models: [MODEL] };
    return new Node(who, offer, { start: () => null, close() {} }, 0);
  });
  for (const node of nodes) hub.add(node);
  const serverOf = new Map(nodes.map((node, i) => [node, servers[i]!]));
  let ids = 0;
  return {
    network: {
      leave: (i) => hub.remove(nodes[i]!),
      join: (i) => void (nodes[i]!.isConnected || hub.add(nodes[i]!)),
    },
    place(ask, accountId, serve) {
      const call = new Call(requestOf(ask, accountId, `req-${ids++}`), clock.monotonic(), 0);
      const onLease = (lease: Awaited<ReturnType<typeof scheduler.lease>>) => {
        const server = serverOf.get(lease.node)!;
        const release = serve(server);
        const { firstMs, endMs } = timings;
        clock.after(endMs, () => {
          scheduler.answered(lease, call, {
            firstTokenMs: firstMs,
            durationMs: endMs,
            completionTokens: Math.round(ask.answerTokens * server.lie),
            answerBytes: ask.answerTokens * 200,
          });
          scheduler.measured(call.request, endMs);
          release();
          lease.release();
        });
      };
      const lease = scheduler.lease(call, { tried: new Set(), isRetry: false });
      if (lease instanceof Promise) void lease.then(onLease);
      else onLease(lease);
    },
    finish(result) {
      const auto = policies(MODEL);
      if (!(auto instanceof Auto)) return;
      for (const node of nodes) {
        const speed = auto.speedOf(node, { model: MODEL, endpoint: Endpoint.chat });
        if (speed === null || speed.answers < 50) continue;
        if (speed.firstError !== null) result.firstErrors.push(speed.firstError);
        if (speed.endError !== null) result.endErrors.push(speed.endError);
      }
    },
  };
}

function requestOf({ messages }: Ask, accountId: string, id: string): CallRequest {
  const roles = ["user", "assistant"];
  const text = JSON.stringify({
    model: MODEL,
    messages: messages.map((content, i) => ({ role: roles[i % 2], content })),
  });
  return {
    id,
    accountId,
    keyId: "key",
    endpoint: Endpoint.chat,
    model: MODEL,
    stream: true,
    wantsUsage: false,
    streamOptions: null,
    choices: 1,
    headers: null,
    requiredNode: null,
    sessionHint: null,
    route: "any",
    wantsPosition: false,
    body: new ReceivedBody(Buffer.from(text)),
  };
}
