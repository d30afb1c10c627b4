/** The parts that know the nodes: those seen before, those connected now, and their links. */

import { networkOf } from "./account/network.ts";
import { NodeRegister } from "./account/node_register.ts";
import { Audiences } from "./audiences.ts";
import type { BaseParts } from "./base_parts.ts";
import { Hub, MAX_REMEMBERED_MODELS } from "./node/hub.ts";
import { Links } from "./node/links.ts";
import { OfferBudget } from "./node/offer_budget.ts";
import { PenaltyBook } from "./node/penalty.ts";
import { TurnBatches } from "./node/turn_batches.ts";
import { processMemory } from "./node/unfinished_messages.ts";
import { enforceDecisions, nodeObserverOf } from "./node_lifecycle.ts";

export interface NodeParts {
  penalties: PenaltyBook;
  register: NodeRegister;
  audiences: Audiences;
  hub: Hub;
  links: Links;
}

export async function createNodeParts(base: BaseParts): Promise<NodeParts> {
  const { config, store, clock, services } = base;
  const penalties = new PenaltyBook(clock, config);
  const register = createRegister(base);
  const audiences = createAudiences(base, register);
  const hub = createHub(base, register, audiences);
  hub.remember(await store.knownModels(MAX_REMEMBERED_MODELS));
  enforceDecisions(hub, register, services.settings);
  return { penalties, register, audiences, hub, links: createLinks(base, register, hub) };
}

function createRegister({ config, store, budgets, services, clock, log }: BaseParts): NodeRegister {
  const { rememberedNodes } = config;
  return new NodeRegister({
    store,
    rememberedNodes,
    budget: budgets.add("remembered_nodes", { limit: rememberedNodes }),
    needsApproval: () => services.settings.values.nodeApproval,
    clock,
    log,
  });
}

function createAudiences(
  { store, services, clock, log }: BaseParts,
  register: NodeRegister,
): Audiences {
  return new Audiences({
    users: store.users,
    groups: services.groups,
    clock,
    log,
    warn: (node, text) => {
      log.warn({ node: node.who.publicId }, text);
      node.connection.notify?.(text);
      register.addEvent(node.who.publicId, { kind: "notice", detail: text });
    },
  });
}

function createHub(
  { store, clock, log }: BaseParts,
  register: NodeRegister,
  audiences: Audiences,
): Hub {
  return new Hub({
    audienceOf: (node) => audiences.of(node),
    standingOf: ({ who, connectedAt }) => register.standing({ id: who.publicId, connectedAt }),
    earnedBefore: ({ who }) => register.earnedSlots(who.publicId),
    onEarned: ({ who, earned }) => register.hasEarned(who.publicId, earned),
    // Kept over restarts, so that "no node is online" is not reported as "no such model".
    onNewModels: (models) =>
      void store.addKnownModels(models, clock.now()).catch((error) =>
        log.warn({ cause: String(error) }, "could not remember models")
      ),
  });
}

function createLinks(
  { config, budgets, logs, services, clock, log }: BaseParts,
  register: NodeRegister,
  hub: Hub,
): Links {
  return new Links({
    hub,
    clock,
    log,
    logOf: ({ accountId, address }) =>
      logs.ofLink({ account: accountId, address: networkOf(address) }),
    publicId: (nodeKey) => services.vault.publicNodeId(nodeKey),
    observer: nodeObserverOf(register, services.lent),
    offers: new OfferBudget(config, budgets, clock),
    budgets,
    memory: processMemory,
    batches: new TurnBatches(setImmediate),
  }, config);
}
