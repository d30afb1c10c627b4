/** Builds the gateway's parts, each from those before it. */

import { OwnNodes } from "./account/own_nodes.ts";
import { Users } from "./account/users.ts";
import { type BaseParts, type BaseWorld, openBaseParts } from "./base_parts.ts";
import { type Config, settingNames } from "./base/config.ts";
import { createCallParts, createScheduleParts } from "./call_parts.ts";
import { originReader } from "./http/address.ts";
import { AnswerBudget } from "./http/answer_budget.ts";
import { BodyBudget } from "./http/body_budget.ts";
import type { AppParts } from "./http/parts.ts";
import { RefusalLimit } from "./http/refusal_limit.ts";
import { RequestRates } from "./http/request_rates.ts";
import { SendQueues } from "./http/send_queues.ts";
import { UsageBudgets } from "./http/usage_budgets.ts";
import type { Hub } from "./node/hub.ts";
import { createNodeParts } from "./node_parts.ts";
import { nodeViews } from "./node_views.ts";
import { createPageParts } from "./page_parts.ts";
import { Retention } from "./store/retention.ts";
import { StoreProbe } from "./store/store_probe.ts";
import { UsageFolder } from "./store/usage_folder.ts";
import { openCertificates } from "./tls/open.ts";
import { buildFacts } from "../release/mod.ts";

export interface PartsWorld extends BaseWorld {
  random: () => number;
  consoleDir: string | null;
  isDraining: () => boolean;
  /** Where other gateways reach this one; known once it listens. */
  peerUrl: () => string;
}

export type GatewayParts = Awaited<ReturnType<typeof createParts>>;

/** Opens the store and migrates its schema; nothing runs yet. Throws ColinkError. */
export async function createParts(config: Config, world: PartsWorld) {
  const { random, isDraining } = world;
  const base = await openBaseParts(config, world, () => cluster?.view().gateways ?? 1);
  const { budgets, clock, log, logs, store, ledger, limits, services } = base;
  const nodes = await createNodeParts(base);
  const { hub, penalties, register, links, audiences } = nodes;
  const schedule = await createScheduleParts(base, nodes, world);
  const { scheduler, cluster, policies, responseAffinity } = schedule;
  const callParts = createCallParts(base, nodes, schedule);
  const { keyring, sessions, groups, names } = services;
  const { limiter } = limits;

  const views = nodeViews({ hub, penalties, policies, names, clock });
  const certificates = openCertificates(config, { store, clock, log });
  let untrustedProxy: string | null = null;
  const origin = originReader(config.trustedProxies, (address) => {
    untrustedProxy = address;
    log.warn(
      { proxy: address },
      `requests come through a proxy that is not trusted: all its visitors share one network's rates; if it is yours, name it in ${settingNames.trustedProxies}`,
    );
  });
  const app: AppParts = {
    config,
    version: buildFacts.version,
    startedAt: clock.now(),
    clock,
    log,
    logs,
    store,
    ledger,
    ...services,
    users: new Users({ store, clock, keyring, sessions, groups, nodesOf: (id) => hub.countOf(id) }),
    usageBudgets: createUsageBudgets(base),
    nodes: new OwnNodes({ store, register, live: views.own, clock }),
    liveNode: views.live,
    measured: views.measured,
    scheduler,
    random,
    limiter,
    hub,
    memberships: groups,
    penalties,
    responseAffinity,
    ...callParts,
    sendQueues: new SendQueues(),
    refusals: new RefusalLimit({ limiter, clock, config, budgets }),
    rates: new RequestRates({ limiter, clock, budgets }),
    bodyBudget: new BodyBudget(config, budgets),
    answerBudget: new AnswerBudget(config, budgets),
    origin,
    untrustedProxy: () => untrustedProxy,
    isDraining,
    mayResume: (dialer) => links.mayResumeFor(dialer),
    cluster,
    certificates,
    ...createPageParts(base, { ...world, origin }),
  };
  return {
    ...app,
    providerChecks: services.providerChecks,
    scheduler,
    ledger,
    limits,
    register,
    links,
    audiences,
    cluster,
    certificates,
    retention: new Retention({ store, clock, log, connectedNodes: () => idsOf(hub), ...config }),
    folder: new UsageFolder({ store, clock, log }),
    probe: new StoreProbe({ store, clock, log }),
  };
}

function createUsageBudgets({ config, store, limits, services, clock }: BaseParts): UsageBudgets {
  const { meters, addToMeter } = limits;
  const { deadlineMs } = config;
  return new UsageBudgets({
    meters,
    groups: services.groups,
    clock,
    deadlineMs,
    ...(addToMeter && {
      earlier: {
        until: clock.now(),
        tokens: (holder, from, to) => store.usage.budgetTokens(holder, from, to),
        add: addToMeter,
      },
    }),
  });
}

/** Public ids of the nodes that are connected to this gateway. */
function idsOf(hub: Hub): string[] {
  return [...hub.nodes()].flatMap(({ gateway, who }) => gateway === null ? [who.publicId] : []);
}
