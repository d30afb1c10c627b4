/** What the choice of a node costs, alone: the real scheduler, in this process, with nodes that are not there. */

import { Endpoint } from "../../../protocol/mod.ts";
import { Call } from "../../../server/schedule/call.ts";
import type { Lease } from "../../../server/schedule/lease.ts";
import type { PolicyName } from "../../../server/schedule/policy/policy.ts";
import { createPolicies } from "../../../server/schedule/policy/registry.ts";
import { Scheduler } from "../../../server/schedule/scheduler.ts";
import { systemClock as clock } from "../../../server/base/clock.ts";
import { silentLog } from "../../../server/base/log.ts";
import { Hub } from "../../../server/node/hub.ts";
import { Node } from "../../../server/node/node.ts";
import { PenaltyBook } from "../../../server/node/penalty.ts";
import { metered } from "../meter.ts";
import { interleaved, over } from "../rounds.ts";
import { atMost, type Goal, type Row } from "../row.ts";
import type { Size } from "../size.ts";
import type { LoneFigure } from "./figure.ts";
import { ReceivedBody } from "../../../server/node/body.ts";

const FEW = 10;
/** Of a node's models. */
const IN_USE = 200;
/** More than any other number of slots needs to hold all running calls. */
const SLOTS_OF_ONE = 64;
const MANY = 10_000;
/** Calls that run meanwhile. */
const RUNNING = 20;
const CHOICES = 50_000;

export const choiceFigure: LoneFigure = {
  name: "choice",
  about: "the choice of a node",
  measureAlone,
};

async function measureAlone(size: Size): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { what, note, goal, ratioGoal, few, many } of comparisons) {
    const measured = await interleaved({ few: sample(few()), many: sample(many()) }, size);
    const compared = over(measured, (r) => r.many.us / r.few.us);
    rows.push({
      figure: `Choosing a node and giving it back, ${what}`,
      unit: "µs",
      gateway: over(measured, (r) => r.many.us),
      ...goal === undefined ? { compared } : { goal },
      conditions: measured.conditions,
      note: `${note}: ${over(measured, (r) => r.few.us).median.toFixed(2)} µs.`,
    });
    if (ratioGoal === undefined) continue;
    rows.push({
      figure: `The same, ${what}, against ${
        note.replace(/^[AW]/, (letter) => letter.toLowerCase())
      }`,
      unit: "µs",
      gateway: over(measured, (r) => r.many.us),
      compared,
      goal: ratioGoal,
      conditions: measured.conditions,
    });
  }
  return rows;
}

interface Comparison {
  what: string;
  /** What `few` is. */
  note: string;
  /** Of the many. */
  goal?: Goal;
  /** Of the many against the few. */
  ratioGoal?: Goal;
  few: () => Surroundings;
  many: () => Surroundings;
}

const comparisons: readonly Comparison[] = [
  {
    what: "10,000 measured nodes, policy auto",
    note: "Among 10 nodes",
    goal: atMost(1, "µs"),
    ratioGoal: atMost(1.5, "× with 10"),
    few: () => measuredNodesOf(FEW),
    many: () => measuredNodesOf(MANY),
  },
  {
    what: "the only node of its model, policy auto",
    note: "With least-busy",
    few: () => nodesOf(1),
    many: () => measuredNodesOf(1),
  },
  {
    what: "100 measured nodes with 1,000 models each, 200 of them in use, policy auto",
    note: "With one model each",
    few: () => measuredNodesOf(100),
    many: () => measuredNodesOf(100, 1000),
  },
  {
    what: "10,000 nodes",
    note: "Among 10 nodes",
    few: () => nodesOf(FEW),
    many: () => nodesOf(MANY),
  },
  {
    what: "10,000 nodes, all but 10 penalised",
    note: "Among 10 nodes",
    few: () => nodesOf(FEW),
    many: () => {
      const nodes = nodesOf(MANY);
      for (let i = FEW; i < MANY; i++) {
        nodes.penalties.penalize(`key/${i}`, {
          model: null,
          code: "node_lost",
          reason: "it failed",
        });
      }
      return nodes;
    },
  },
  {
    what: "10,000 nodes, each for some of 1,000 groups, for a member of three",
    note: "Among 10,000 nodes for everyone",
    few: () => nodesOf(MANY),
    many: () => nodesOf(MANY, ["model-0"], (i) => [i % 1_000, (i + 1) % 1_000].map(groupName)),
  },
  {
    what: "100 nodes with 1,000 models each",
    note: "With one model each",
    few: () => nodesOf(100),
    many: () => nodesOf(100, Array.from({ length: 1000 }, (_, i) => `model-${i}`)),
  },
];

interface Surroundings {
  scheduler: Scheduler;
  penalties: PenaltyBook;
  model: string;
}

function groupName(index: number): string {
  return `group-${index}`;
}

/** The groups of the account that calls. */
const GROUPS = [3, 4, 500].map(groupName);
const memberships = { groupsOf: () => GROUPS };

/** `groupsOf`: for which groups a node is; null: for everyone. */
function nodesOf(
  count: number,
  models = ["model-0"],
  groupsOf: (node: number) => string[] | null = () => null,
  policy: PolicyName = "least-busy",
): Surroundings {
  const hub = new Hub({
    audienceOf: ({ who }) => {
      const groups = groupsOf(Number(who.publicId)) ?? [];
      const named = new Map(groups.map((name) => [name, name]));
      return { isForEveryone: groups.length === 0, accounts: new Map(), groups: named };
    },
  });
  const times = { penaltyMs: 3_600_000, penaltyMaxMs: 3_600_000 };
  const penalties = new PenaltyBook(clock, times);
  const settings = { policy, policies: new Map() };
  const policies = createPolicies(settings, { hub, clock, seed: 0n });
  const parts = { hub, penalties, policies, memberships, clock, log: silentLog };
  const scheduler = new Scheduler(parts, { queuePerModel: 0, queuePerAccount: 0, queueWaitMs: 0 });
  for (let i = 0; i < count; i++) {
    const who = { publicId: `${i}`, nodeKey: `key/${i}`, accountId: "owner", keyId: "key" };
    const offer = {
      name: "node",
      agent: null,
      maxParallel: count === 1 ? SLOTS_OF_ONE : 4,
      models,
    };
    hub.add(new Node(who, offer, { start: () => null, close() {} }, 0));
  }
  return { scheduler, penalties, model: models[0]! };
}

/** Nodes that have answered, at different speeds. */
function measuredNodesOf(count: number, models = 1): Surroundings {
  const names = Array.from({ length: models }, (_, i) => `model-${i}`);
  const nodes = nodesOf(count, names, () => null, "auto");
  const { scheduler } = nodes;
  for (const model of names.slice(0, IN_USE)) {
    const running = Array.from({ length: count }, () => {
      const call = callOf(model);
      return { call, lease: scheduler.lease(call, REQUEST) as Lease };
    });
    running.forEach(({ call, lease }, i) => {
      const durationMs = 2_000 + 100 * (i % 100);
      scheduler.answered(lease, call, { firstTokenMs: 100, durationMs, completionTokens: 100 });
      lease.release();
    });
  }
  return nodes;
}

const REQUEST = { tried: new Set<string>(), isRetry: false };

function sample({ scheduler, model }: Surroundings) {
  const take = () => scheduler.lease(callOf(model), REQUEST) as Lease;
  const running = Array.from({ length: RUNNING }, take);
  return async () => {
    const before = process.cpuUsage();
    const { foreignCores } = await metered({}, () => {
      for (let i = 0; i < CHOICES; i++) {
        const place = i % RUNNING;
        running[place]!.release();
        running[place] = take();
      }
      return Promise.resolve();
    });
    // Processor time, with the collector's: it says the same while other programs run.
    const { user, system } = process.cpuUsage(before);
    return { us: (user + system) / CHOICES, foreignCores };
  };
}

const BODY = new ReceivedBody(new Uint8Array());

function callOf(model: string): Call {
  const request = {
    id: "req-0",
    accountId: "account",
    keyId: "key",
    endpoint: Endpoint.chat,
    model,
    stream: false,
    wantsUsage: false,
    streamOptions: null,
    choices: 1,
    headers: null,
    requiredNode: null,
    sessionHint: null,
    route: "any" as const,
    wantsPosition: false,
    body: BODY,
  };
  return new Call(request, 0, 0);
}
