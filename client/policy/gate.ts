/** Opens and closes the node to calls as its owner's policy says. */

import { nodeMessage } from "../../protocol/mod.ts";
import { phrase } from "../../text/mod.ts";
import type { OfferPolicyConfig, PolicyConfig } from "../config/policy_shape.ts";
import { parseDuration, parseHours } from "../config/policy_units.ts";
import { pause, type World } from "../world.ts";
import { machineTime, nextWithin, type ToLocal } from "./calendar.ts";
import {
  breachOf,
  conditionsOf,
  probesOf,
  type Reading,
  subjects,
  unknownOf,
} from "./condition.ts";
import { type CpuTime, type Machine, modelServerPids } from "./machine.ts";
import { type KeptUsage, Usage, WHOLE_NODE } from "./usage.ts";

/** Where calls may be refused: the whole node, a provider, or a model of a provider. */
export interface PolicyScope {
  /** `WHOLE_NODE`, or names a provider or a model as the runner does. */
  key: string;
  /** For the log. */
  name: string;
  policy: OfferPolicyConfig;
}

/** What of the policy outlasts a restart. */
export interface KeptPolicy {
  usage?: KeptUsage;
  ownerPause?: { untilMs: number | null } | null;
}

/** Takes every call. */
export const openGate: Pick<Gate, "pauseOf" | "began" | "ended"> = {
  pauseOf: () => null,
  began: () => {},
  ended: () => {},
};

/** On which terms the machine is lent. */
export interface PolicyTerms {
  policy: PolicyConfig;
  /** Of providers and models that have a policy of their own. */
  scopes: readonly PolicyScope[];
}

export interface GateOptions extends PolicyTerms {
  machine: Machine;
  world: Pick<World, "after" | "nowMs" | "todayMs" | "log">;
  toLocal?: ToLocal;
  /** Whether the owner's other programs ask for a pause. */
  hasPauseFile?: () => boolean;
  kept?: KeptPolicy;
  keep?: (kept: KeptPolicy) => void;
  /** Called when the node's pause or an open scope has changed. */
  onChange: () => void;
}

/** A condition that ceases to hold shows in STATUS within two seconds. */
const LOOK_EVERY_MS = 1_500;
const HOLD_MS = 30_000;
/** Tokens are written to disk at most this often. */
const KEEP_EVERY_MS = 5_000;

const OWNER_PAUSE = nodeMessage("paused_by_owner");
const PAUSE_FILE = nodeMessage("pause_file");
const FIRST_LOOK: Pause = { reason: nodeMessage("first_look"), untilMs: null };

/** Why calls are not taken now, and until when in UTC milliseconds, where that is known. */
export interface Pause {
  reason: string;
  untilMs: number | null;
}

/** A scope's state: closed at once, opened again once its conditions have held for a while. */
interface Door {
  scope: PolicyScope;
  pause: Pause | null;
  /** When it last had a reason that may flap, in monotonic milliseconds. */
  flappedMs: number;
}

export class Gate {
  #doors: readonly Door[] = [];
  /** Whether any door has a condition: most nodes have no policy, and pay nothing for it with each call. */
  #hasConditions = false;
  readonly #usage: Usage;
  readonly #toLocal: ToLocal;
  #holdMs = HOLD_MS;
  readonly #stopping = new AbortController();
  #reading: Reading;
  #hasLooked = false;
  #cpuBefore: CpuTime | null = null;
  #ownerPause: { untilMs: number | null } | null;
  #hasPauseFile = false;
  /** The state that was reported last. */
  #reported: string;
  #keptMs = -Infinity;

  constructor(private readonly options: GateOptions) {
    const { world, toLocal = machineTime, kept = {} } = options;
    this.#toLocal = toLocal;
    const todayMs = () => world.todayMs();
    this.#usage = new Usage({ todayMs, toLocal }, kept.usage);
    this.#ownerPause = kept.ownerPause ?? null;
    this.#reading = { nowMs: world.todayMs(), toLocal };
    this.#setDoors(options);
    this.#reported = this.#state();
  }

  /** Looks at the machine until it is stopped. Resolves after the first look. */
  async start(): Promise<void> {
    await this.#lookFirst();
    void this.#watch();
  }

  /** Takes over another policy: a call is taken again once the machine was looked at, where it asks for that. */
  async reconfigure(terms: PolicyTerms): Promise<void> {
    this.#setDoors(terms);
    await this.#lookFirst();
  }

  stop(): void {
    this.#stopping.abort();
    this.#keep(true);
  }

  /** Why the whole node takes no calls; null: it takes them. */
  get pause(): Pause | null {
    return this.pauseOf([WHOLE_NODE]);
  }

  /** Why a call in these scopes, one inside the other, is not taken now; null: it is. */
  pauseOf(scopes: readonly string[]): Pause | null {
    if (scopes.includes(WHOLE_NODE)) {
      const { untilMs = null } = this.#ownerPause ?? {};
      if (this.#isPausedByOwner) return { reason: OWNER_PAUSE, untilMs };
      if (this.#hasPauseFile) return { reason: PAUSE_FILE, untilMs: null };
      if (!this.#hasLooked) return FIRST_LOOK;
    }
    if (!this.#hasLooked || !this.#hasConditions) return null;
    this.#judge();
    return this.#doors.find((door) => door.pause !== null && scopes.includes(door.scope.key))
      ?.pause ?? null;
  }

  /** The owner's own pause, until then or until further notice. Outlasts a restart. */
  pauseUntil(untilMs: number | null): void {
    this.#ownerPause = { untilMs };
    this.#keep(true);
    this.#report();
  }

  /** Ends the owner's own pause. */
  resume(): void {
    this.#ownerPause = null;
    this.#keep(true);
    this.#report();
  }

  /** A call begins in these scopes. */
  began(scopes: readonly string[]): void {
    if (!this.#hasConditions) return;
    this.#usage.began(scopes);
    this.#report();
  }

  /** A call in these scopes has taken so many tokens. */
  ended(scopes: readonly string[], tokens: number): void {
    this.#usage.ended(scopes, tokens);
    if (!this.#hasConditions) return;
    this.#keep(false);
    this.#report();
  }

  #setDoors({ policy, scopes }: PolicyTerms): void {
    const all = [{ key: WHOLE_NODE, name: "the node", policy }, ...scopes];
    this.#doors = all.map((scope) => ({ scope, pause: null, flappedMs: -Infinity }));
    this.#holdMs = policy.hold === undefined ? HOLD_MS : parseDuration(policy.hold)!;
    this.#hasConditions = all.some((scope) => conditionsOf(scope.policy).length > 0);
    this.#hasLooked = this.#probes.length === 0;
    const limited = all.filter((scope) => scope.policy.calls_per_hour !== undefined);
    this.#usage.limitCalls(limited.map(({ key }) => key));
  }

  async #lookFirst(): Promise<void> {
    this.#warnOfNever();
    await this.#look();
    this.#warnOfUnknown();
  }

  get #isPausedByOwner(): boolean {
    if (this.#ownerPause === null) return false;
    const { untilMs } = this.#ownerPause;
    return untilMs === null || this.options.world.todayMs() < untilMs;
  }

  get #probes() {
    return this.#doors.flatMap(({ scope }) => probesOf(scope.policy));
  }

  async #watch(): Promise<void> {
    const { world } = this.options;
    const { signal } = this.#stopping;
    for (;;) {
      await pause(world, LOOK_EVERY_MS, signal);
      if (signal.aborted) return;
      await this.#look();
    }
  }

  /** Asks the machine what the conditions need, and reports what has changed. Never rejects. */
  async #look(): Promise<void> {
    const { machine, world, hasPauseFile = () => false } = this.options;
    const doors = this.#doors;
    const asked = new Set(this.#probes);
    const reading: Reading = { nowMs: world.todayMs(), toLocal: this.#toLocal };
    const needsOwn = asked.has("gpuMemory") || asked.has("otherCpuLoad");
    const programs = asked.has("programs") || needsOwn ? await machine.programs() : null;
    const own = modelServerPids(programs ?? []);
    await Promise.all([...asked].map(async (probe) => {
      switch (probe) {
        case "power":
          reading.power = await machine.power();
          return;
        case "idleMs":
          reading.idleMs = await machine.idleMs();
          return;
        case "programs":
          reading.programs = programs;
          return;
        case "gpuMemory":
          reading.gpuMemory = await machine.gpuMemory(own);
          return;
        case "otherCpuLoad":
          reading.otherCpuLoad = this.#otherLoad(await machine.cpuTime(own));
      }
    }));
    // Another policy asks for more than this look has seen; its own look follows.
    if (doors !== this.#doors) return;
    this.#reading = reading;
    this.#hasPauseFile = hasPauseFile();
    this.#hasLooked = true;
    this.#report();
  }

  /** The share of other programs since the last look; the first look has none to compare with. */
  #otherLoad(now: CpuTime | null): number | null {
    const before = this.#cpuBefore;
    this.#cpuBefore = now;
    if (now === null) return null;
    if (before === null || now.total <= before.total) return 0;
    const others = now.busy - before.busy - Math.max(0, now.own - before.own);
    return Math.min(1, Math.max(0, others / (now.total - before.total)));
  }

  /** Brings the doors up to date: the time and the allowances are of this moment, the rest is of the last look. */
  #judge(): void {
    const { world } = this.options;
    const nowMs = world.todayMs();
    const reading = { ...this.#reading, nowMs };
    for (const door of this.#doors) {
      const { key, policy } = door.scope;
      const found = breachOf(policy, reading, this.#usage.of(key));
      if (found?.mayFlap) door.flappedMs = world.nowMs();
      if (found !== null) {
        const { pause } = door;
        const isSame = pause?.reason === found.reason && nowMs < (pause.untilMs ?? Infinity);
        if (!isSame) door.pause = { reason: found.reason, untilMs: found.untilMs?.() ?? null };
      } else if (world.nowMs() - door.flappedMs >= this.#holdMs) {
        door.pause = null;
      }
    }
  }

  #report(): void {
    const state = this.#state();
    if (state === this.#reported) return;
    this.#reported = state;
    this.options.onChange();
  }

  #state(): string {
    return JSON.stringify([this.pause?.reason, ...this.#doors.map((door) => door.pause?.reason)]);
  }

  #keep(isUrgent: boolean): void {
    const nowMs = this.options.world.nowMs();
    if (!isUrgent && nowMs - this.#keptMs < KEEP_EVERY_MS) return;
    this.#keptMs = nowMs;
    this.options.keep?.({ usage: this.#usage.kept, ownerPause: this.#ownerPause });
  }

  #warnOfUnknown(): void {
    const { log } = this.options.world;
    for (const { scope: { key, name, policy } } of this.#doors) {
      for (const one of unknownOf(policy, this.#reading, this.#usage.of(key))) {
        const then = one.isDenied
          ? phrase`no calls are taken; unknown: allow would take them`
          : phrase`the condition counts as fulfilled; unknown: deny would refuse calls`;
        log.warn(
          { policy: one.key },
          `${name}: ${phrase`cannot tell ${subjects[one.key]} here: ${then}`}`,
        );
      }
    }
  }

  /** Hours of the node and of a provider or model may never hold together. */
  #warnOfNever(): void {
    const { world } = this.options;
    const [node, ...others] = this.#doors.map(({ scope }) => scope);
    for (const scope of others) {
      const lists = [node!.policy.hours, scope.policy.hours].filter((list) => list !== undefined)
        .map((list) => list.map((text) => parseHours(text)!));
      if (nextWithin(lists, world.todayMs(), this.#toLocal) !== null) continue;
      const why = "its hours and the node's never hold at the same time";
      world.log.warn({ policy: "hours" }, `${scope.name} is never offered: ${why}`);
    }
  }
}
