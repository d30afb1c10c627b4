/** One connected machine: its identity, what it serves, and its state. */

import type { NodeMachine, NodeView } from "../../api/mod.ts";
import {
  type MachineFacts,
  readNodeMessage,
  type RegisterData,
  type RegisterV2,
  type ShareWith,
} from "../../protocol/mod.ts";
import type { AttemptSink, Order, RunningAttempt } from "./attempt.ts";
import { type Audience, unresolved } from "./audience.ts";
import { FIRST_SLOTS } from "./earned_slots.ts";
import { type FactsByModel, factsByModel, factsIn, type ModelFacts } from "./model_facts.ts";
import type { Penalty } from "./penalty.ts";
import type { Service } from "./service.ts";

/** What a Node needs of its connection. */
export interface NodeConnection {
  /** Sends a call. Returns null if the connection cannot take it now. */
  start(order: Order, sink: AttemptSink): RunningAttempt | null;
  close(code: number, reason: string): void;
  /** Says something to the node about its offer, in versions of the wire that can. */
  notify?(message: string): void;
}

/** What does not change while a node is connected. */
export interface NodeIdentity {
  /** Shown to users. Stable over reconnects; reveals neither token nor address. */
  publicId: string;
  /** Identifies the node over reconnects, for penalties among others. Never shown. */
  nodeKey: string;
  accountId: string;
  /** The client token's key: when it is revoked, the connection ends. */
  keyId: string;
}

/** `draining`: until it connects again; `paused`: until its owner resumes it; `unapproved`: until an administrator approves it. */
export type NodeHold = "draining" | "paused" | "unapproved";

/** Why a node takes no calls by its own word, for its owner's policy. */
export interface NodePause {
  /** In the node's words; null: it gives none that can be shown. */
  reason: string | null;
  /** When it expects to serve again, in UTC milliseconds; null: unknown. */
  until: number | null;
}

/** What people have decided about a node. */
export interface NodeStanding {
  /** The name that its owner has given it; null: the one that it reports itself. */
  label: string | null;
  /** Why it gets no calls although it would take some; null: it gets them. */
  hold: NodeHold | null;
  /** When a pause ends by itself, in UTC milliseconds; absent or null: that is not known. */
  heldUntil?: number | null;
  /** Whether an administrator has approved it: what it claims need not be earned. */
  isTrusted?: boolean;
}

const UNDECIDED: NodeStanding = { label: null, hold: null };

/** What the node announced in its last REGISTER, with the changes by STATUS. */
export interface NodeOffer {
  name: string;
  agent: string | null;
  maxParallel: number;
  models: readonly string[];
  /** Of the models whose capabilities it announced; the others are served at chat only. */
  facts?: FactsByModel | undefined;
  /** Whose calls may come; absent: everyone's. */
  shareWith?: ShareWith | undefined;
  /** One run of the node's program; absent: it does not say. */
  instance?: string | undefined;
  /** The reported machine, shown to the owner and administrators; absent: none was reported. */
  machine?: NodeMachine | undefined;
}

/** The offer in a REGISTER. */
export function offerOf(
  data: RegisterData,
  { capabilities, share_with, machine, instance }: Pick<
    RegisterV2,
    "capabilities" | "share_with" | "machine" | "instance"
  > = {},
): NodeOffer {
  const models = [...new Set(data.models)];
  return {
    name: data.name || "node",
    agent: data.agent || null,
    maxParallel: data.max_parallel,
    models,
    facts: capabilities && factsByModel(capabilities, models),
    ...(share_with === undefined || share_with === "everyone" ? {} : { shareWith: share_with }),
    ...(instance === undefined ? {} : { instance }),
    ...machineIn(machine),
  };
}

/** The machine of an offer, without members of later versions; absent where the node reports none. */
export function machineIn(facts: MachineFacts = {}): Pick<NodeOffer, "machine"> {
  const { os = null, arch = null, gpus = [], policy = null } = facts as Partial<NodeMachine>;
  if (os === null && arch === null && gpus.length === 0 && policy === null) return {};
  const machine: NodeMachine = {
    os,
    arch,
    gpus: gpus.map(({ name, memory_bytes = null }) => ({ name, memory_bytes })),
    policy,
  };
  return { machine };
}

/** Its state is changed by the hub alone, which reports every change to its watchers. */
export class Node {
  /** Slots in use. */
  readonly active: number;
  readonly standing: NodeStanding = UNDECIDED;
  /** For whom it is, of the accounts and groups that are known to be meant. */
  readonly audience: Audience;
  /** Slots that it has earned by its answers; it may have claimed fewer or more. */
  readonly earned: number = FIRST_SLOTS;
  /** Whether it takes no calls, by its own word: it leaves, or is paused. */
  readonly isDraining: boolean;
  /** Set while it is paused by its own word. */
  readonly pause: NodePause | null;
  /** Until when it may come back after its connection was lost, in UTC milliseconds; null: it is connected. */
  readonly reconnectsUntil: number | null = null;
  /** Whether it is in the hub: its calls may outlast its connection. */
  readonly isConnected: boolean = false;
  #keptBytes = 0;

  constructor(
    readonly who: NodeIdentity,
    readonly offer: NodeOffer,
    readonly connection: NodeConnection,
    /** UTC milliseconds. */
    readonly connectedAt: number,
    /** The gateway that it is connected to; null: this one. */
    readonly gateway: string | null = null,
    { active = 0, isDraining = false, pause = null, reconnectsUntil = null }: Partial<
      Pick<Node, "active" | "isDraining" | "pause" | "reconnectsUntil">
    > = {},
  ) {
    this.active = active;
    this.audience = unresolved(offer.shareWith);
    this.isDraining = isDraining;
    this.pause = pause;
    this.reconnectsUntil = reconnectsUntil;
  }

  get label(): string | null {
    return this.standing.label;
  }

  get hold(): NodeHold | null {
    return this.standing.hold;
  }

  /** Bytes of its answers that are kept because they are given whole. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** So many more bytes are kept; negative: fewer. */
  keep(bytes: number): void {
    this.#keptBytes += bytes;
  }

  /** The slots by which its part of the calls is reckoned. The others are used when no other node has one free. */
  get share(): number {
    const { maxParallel } = this.offer;
    return this.standing.isTrusted || this.earned > maxParallel ? maxParallel : this.earned;
  }

  /** Whether its next call would take a slot beyond its share. */
  get isBeyondShare(): boolean {
    return this.active >= this.share;
  }

  /** How many times its share of slots is in use: above 1 where it runs calls beyond it. */
  get load(): number {
    return this.active / this.share;
  }

  /** Whether it gets no new calls of any model, by its own STATUS or by a decision. */
  get isOut(): boolean {
    return this.isDraining || this.hold !== null;
  }

  serves({ model, endpoint }: Service): boolean {
    return this.offer.models.includes(model) && this.factsOf(model).endpoints.includes(endpoint);
  }

  /** What it announced of one of its models. */
  factsOf(model: string): ModelFacts {
    return factsIn(this.offer.facts, model);
  }

  /** All its models, each at all of its endpoints. */
  *services(): Iterable<Service> {
    for (const model of this.offer.models) {
      for (const endpoint of this.factsOf(model).endpoints) yield { model, endpoint };
    }
  }

  /**
   * `all` penalties include those that are over; `viewerId` is the account that the view is for. Only
   * the node's owner and administrators see for whom it is, and models that are not listed for the viewer.
   */
  view(
    all: readonly Penalty[],
    viewerId: string | null = null,
    isAdmin = false,
    isListed: (model: string) => boolean = () => true,
  ): NodeView {
    const isConfided = isAdmin || this.who.accountId === viewerId;
    const shows = (model: string) => isConfided || isListed(model);
    const models = this.offer.models.filter(shows);
    const penalties = all.filter(({ model }) => model === null || shows(model));
    const bar = barOf(models, penalties.filter(({ isOver }) => !isOver));
    return {
      id: this.who.publicId,
      name: this.label ?? this.offer.name,
      max_parallel: this.offer.maxParallel,
      active_tasks: this.active,
      supported_models: models,
      state: this.#state(bar, barOf(models, penalties)),
      penalties: penalties.map(({ model, code, reason, until }) => ({
        model,
        code,
        reason,
        until,
      })),
      penalized: bar !== null,
      penalty_reason: bar?.reason ?? null,
      penalized_until: bar?.until ?? null,
      draining: this.isDraining || this.hold === "draining",
      pause_reason: this.pause?.reason ?? null,
      pause_message: this.pause?.reason ? readNodeMessage(this.pause.reason) : null,
      paused_until: this.pause?.until ?? this.standing.heldUntil ?? null,
      reconnecting_until: this.reconnectsUntil,
      connected_at: this.connectedAt,
      agent: this.offer.agent,
      mine: this.who.accountId === viewerId,
      share_with: isConfided ? this.#shareWith() : null,
      share: isConfided ? this.share : null,
      machine: isConfided ? this.offer.machine ?? null : null,
    };
  }

  #shareWith(): string[] {
    const { shareWith = "everyone" } = this.offer;
    return typeof shareWith === "string" ? [shareWith] : [...shareWith];
  }

  /** As in its view, but for penalties. */
  get stateWithoutPenalties(): NodeView["state"] {
    return this.#state(null, null);
  }

  /** `trial`: what bars it, or did until it must be tried. */
  #state(bar: Penalty | null, trial: Penalty | null): NodeView["state"] {
    if (this.hold !== null && this.hold !== "draining") return this.hold;
    if (this.pause !== null) return "paused";
    if (this.reconnectsUntil !== null) return "reconnecting";
    if (this.isOut) return "draining";
    if (bar !== null) return "penalized";
    if (trial !== null) return "probing";
    return this.active < this.offer.maxParallel ? "ready" : "busy";
  }
}

/** If every one of the models is penalised, the penalty that ends first; otherwise null. */
function barOf(models: readonly string[], penalties: readonly Penalty[]): Penalty | null {
  if (penalties.length === 0) return null;
  const ofAll = penalties.filter(({ model }) => model === null);
  const ofModel = new Map(penalties.map((penalty) => [penalty.model, penalty]));
  const each = models.map((model) => ofModel.get(model));
  const barred = ofAll.length > 0 ? ofAll : each;
  const found = barred.filter((penalty) => penalty !== undefined);
  if (found.length === 0 || found.length < barred.length) return null;
  return found.reduce((a, b) => b.until < a.until ? b : a);
}
