/** Connects the nodes' register with the parts that see nodes connect, fail and leave, and the hub with its decisions. */

import type { NodeGone } from "../api/mod.ts";
import type { LentBook } from "./account/lent.ts";
import type { NodeRegister } from "./account/node_register.ts";
import type { Settings } from "./account/settings.ts";
import type { Hub } from "./node/hub.ts";
import type { NodeObserver } from "./node/links.ts";
import type { Node, NodeOffer } from "./node/node.ts";
import type { Penalty } from "./node/penalty.ts";
import { CloseCode } from "../protocol/mod.ts";

/** Penalties of one burst end within this time of each other, and are one event of the node's timeline. */
const BURST_MS = 1000;

/** What a node reads that connects before an administrator has approved it. */
const AWAITS_APPROVAL =
  "this node waits for an administrator's approval; it gets no calls until then";

/** Records connections and changed offers in the register. */
export function nodeObserverOf(
  register: NodeRegister,
  lent: Pick<LentBook, "reported">,
): NodeObserver {
  return {
    connected(node) {
      register.seen(sightingOf(node));
      register.addEvent(node.who.publicId, { kind: "connected", detail: node.offer.agent });
      // The hub, which applies decisions, does not have the node yet.
      const { hold } = register.standing({ id: node.who.publicId, connectedAt: node.connectedAt });
      if (hold === "unapproved") node.connection.notify?.(AWAITS_APPROVAL);
    },
    changed(node, before) {
      register.seen(sightingOf(node));
      const { publicId } = node.who;
      if (!isSameAmount(node.offer, before.offer)) {
        const { models, maxParallel } = node.offer;
        const offered = models.length === 1 ? "1 model" : `${models.length} models`;
        register.addEvent(publicId, {
          kind: "offer",
          detail: `${offered}, ${maxParallel} at once`,
        });
      }
      if (node.pause?.reason === before.pause?.reason && !node.pause === !before.pause) return;
      if (node.pause !== null) {
        const { reason: detail, until } = node.pause;
        register.addEvent(publicId, { kind: "paused", detail, until });
      } else if (!node.isDraining) register.addEvent(publicId, { kind: "resumed" });
    },
    noticed(node, text) {
      register.addEvent(node.who.publicId, { kind: "notice", detail: text });
    },
    lent({ who: { publicId } }, report) {
      if (register.isRemembered(publicId)) lent.reported(publicId, report);
    },
    left(node, closeCode, isSilent) {
      register.left(
        node.who.publicId,
        isSilent ? "silent" : goneCodes[closeCode] ?? "lost",
        closeCode,
      );
    },
  };
}

/** Adds penalties and recoveries to the timelines of nodes. */
export function faultsFor(register: NodeRegister): {
  onPenalty: (node: Node, penalty: Penalty) => void;
  onRecovery: (node: Node, model: string) => void;
} {
  const last = new WeakMap<Node, { mark: string; until: number }>();
  return {
    onPenalty(node, { model, code, reason, until, faults }) {
      const mark = `${model}/${faults}`;
      const before = last.get(node);
      if (before?.mark === mark && until - before.until < BURST_MS) return;
      last.set(node, { mark, until });
      register.addEvent(node.who.publicId, {
        kind: "penalized",
        code,
        model,
        detail: reason,
        until,
      });
    },
    onRecovery(node, model) {
      register.addEvent(node.who.publicId, { kind: "recovered", model });
    },
  };
}

/** Lets the hub apply the decisions about nodes again whenever they or the settings change. */
export function enforceDecisions(hub: Hub, register: NodeRegister, settings: Settings): void {
  register.decisions.subscribe((nodeIds) => {
    const ids = new Set(nodeIds);
    for (const node of hub.nodes()) if (ids.has(node.who.publicId)) hub.review(node);
  });
  // Whether nodes wait for approval is a setting.
  settings.changes.subscribe(() => {
    for (const node of hub.nodes()) hub.review(node);
  });
}

/** Why a connection ended, by its close code; "lost" for all others. */
const goneCodes: Readonly<Record<number, NodeGone["code"]>> = {
  [CloseCode.normal]: "closed",
  1001: "closed",
  [CloseCode.restart]: "restarted",
  [CloseCode.revoked]: "revoked",
  [CloseCode.protocol]: "protocol",
};

/** Whether as many calls of the same models may run. */
function isSameAmount(a: NodeOffer, b: NodeOffer): boolean {
  return a.maxParallel === b.maxParallel && a.models.length === b.models.length &&
    a.models.every((model, i) => model === b.models[i]);
}

function sightingOf({ who, offer }: Node) {
  return {
    id: who.publicId,
    accountId: who.accountId,
    keyId: who.keyId,
    name: offer.name,
    agent: offer.agent,
    machine: offer.machine ?? null,
    models: [...offer.models],
    maxParallel: offer.maxParallel,
  };
}
