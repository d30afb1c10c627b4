/** Where a call to an alias goes: the first target that can serve it now, else the next. */

import { asColinkError, ColinkError, type ErrorCode } from "../base/error.ts";
import type { Failure } from "../node/failure.ts";
import type { ModelFacts } from "../node/model_facts.ts";
import type { AliasPlan, Call, CallRequest, Target } from "../schedule/call.ts";
import type { Lease } from "../schedule/lease.ts";
import type { LeaseRequest, Scheduler } from "../schedule/scheduler.ts";

/** A target, and how far the call has come with it. */
interface Place {
  readonly target: Target;
  /**
   * `new`: not looked at. `later`: it is not what the target prefers, so the others go first. `full`:
   * it has no free slot. `tried`: it could not serve the call, and `why` says so.
   */
  state: "new" | "later" | "full" | "tried";
  why: ColinkError | null;
}

/** The order in which places are looked at, and whether the call waits there as long as calls do. */
const PASSES = [
  { state: "new", waits: false },
  { state: "later", waits: false },
  { state: "full", waits: true },
] as const;

/** Of several reasons the first of these is the call's error; it says best when to come back. */
const MOST_TELLING: readonly ErrorCode[] = [
  "queue_full",
  "queue_timeout",
  "nodes_penalized",
  "no_node_online",
  "endpoint_not_offered",
];

const NONE: ReadonlySet<string> = new Set();

const MAX_REASON_CHARS = 160;
/** Of these the message names the reasons. */
const MAX_REASONS = 16;

type TargetScheduler = Pick<Scheduler, "lease" | "factsOf">;

export class Targets {
  readonly #places: Place[];
  /** Where the last lease was. */
  #current: Place | null = null;
  /** The route that the call asks for. */
  readonly #route: CallRequest["route"];

  constructor(
    private readonly call: Call,
    private readonly plan: AliasPlan,
    private readonly scheduler: TargetScheduler,
    /** Called before a lease at another target than the one before. */
    private readonly onMove: () => void,
  ) {
    this.#places = plan.targets.map((target) => ({ target, state: "new", why: null }));
    this.#route = call.request.route;
  }

  /** Leases a slot for the target that the call is at, else for the next that can serve it. Throws what the last target threw. */
  async lease(leaseRequest: LeaseRequest): Promise<Lease> {
    let last: ColinkError | null = null;
    const at = async (place: Place, waits: boolean) => {
      try {
        return await this.#leaseAt(place, leaseRequest, waits);
      } catch (error) {
        if (this.call.stopped) throw error;
        if (place.state === "new" && place.target.prefer === "own" && place !== this.#current) {
          place.state = "later";
          return null;
        }
        last = asColinkError(error);
        const isFull = last.code === "queue_timeout" || last.code === "queue_full";
        place.state = isFull && !waits ? "full" : "tried";
        place.why = last;
        return null;
      }
    };
    if (this.#current !== null && this.#current.state !== "tried") {
      const lease = await at(this.#current, false);
      if (lease !== null) return lease;
    }
    for (const { state, waits } of PASSES) {
      for (const place of this.#places.filter((one) => one.state === state)) {
        if (state === "new" && this.#isPassedOver(place)) continue;
        const lease = await at(place, waits);
        if (lease !== null) return lease;
      }
    }
    throw last ?? new ColinkError("no_node_online", `Cannot serve "${this.plan.name}"`);
  }

  /** The target that the call is at has failed. False: there is no other that could serve it. */
  leave(failure: Failure): boolean {
    if (this.#current === null) return false;
    this.#current.state = "tried";
    this.#current.why = failure.error;
    return this.#places.some(({ state }) => state !== "tried");
  }

  /** The error of a call that no target could serve. Null: one target was tried, whose failure says as much itself. */
  summary(last: ColinkError, failure: Failure | null = null): ColinkError | null {
    if (this.#current !== null) this.#current.why ??= last;
    const reasons = this.#places.filter(({ why }) => why !== null);
    if (reasons.length <= 1 && failure !== null) return null;
    const code = failure !== null
      ? last.code
      : MOST_TELLING.find((code) => reasons.some(({ why }) => why?.code === code)) ??
        "no_node_online";
    const message = `Cannot serve "${this.plan.name}", which leads to: ` +
      reasons.slice(0, MAX_REASONS).map(reasonOf).join("; ");
    const retryAfterMs = Math.min(...reasons.map(({ why }) => why?.retryAfterMs ?? Infinity));
    return new ColinkError(code, message, {
      ...(Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}),
      ...(code === "endpoint_not_offered" ? { param: "model" } : {}),
      cause: last.cause,
    });
  }

  /** Whether the call goes past a place at first. Notes why, where it stays so. */
  #isPassedOver(place: Place): boolean {
    const { target } = place;
    const facts = this.scheduler.factsOf({ ...this.call.request, model: target.model });
    const lacking = facts === null ? null : lackingIn(facts, target);
    if (lacking !== null) {
      place.state = "tried";
      place.why = new ColinkError("no_node_online", `Cannot serve "${target.model}": ${lacking}`);
      return true;
    }
    const isPreferred = target.prefer !== "loaded" || facts === null || facts.loaded === true;
    if (!isPreferred) place.state = "later";
    return !isPreferred;
  }

  async #leaseAt(place: Place, leaseRequest: LeaseRequest, waits: boolean): Promise<Lease> {
    const { target } = place;
    const isSame = place === this.#current;
    // A call that was at one of the account's own nodes, or that found none of them free, takes any.
    const isOwn = target.prefer === "own" && place.state === "new" && !isSame;
    this.call.aim({
      model: target.model,
      body: this.plan.bodyFor(target.model),
      route: isOwn ? "own" : this.#route,
    });
    const lease = await this.scheduler.lease(this.call, {
      ...leaseRequest,
      // A node that failed another model may serve this one.
      ...(isSame ? {} : { tried: NONE }),
      ...(waits ? {} : { maxWaitMs: target.maxWaitMs }),
    });
    if (!isSame) this.onMove();
    this.#current = place;
    return lease;
  }
}

/** Which of the target's conditions the model does not meet; null: it meets all. */
function lackingIn(facts: ModelFacts, { contextAtLeast, needs }: Target): string | null {
  if (contextAtLeast > 0 && (facts.contextLength ?? 0) < contextAtLeast) {
    return `not all of its nodes state a context of ${contextAtLeast} tokens`;
  }
  const missing = needs.filter((need) => facts[need] !== true);
  return missing.length === 0
    ? null
    : `not all of its nodes state that it has ${missing.join(", ")}`;
}

function reasonOf({ target, why }: Place): string {
  const said = (why?.message ?? "").replace(/^Cannot [^:]*: /, "");
  const short = said.length > MAX_REASON_CHARS ? `${said.slice(0, MAX_REASON_CHARS)}…` : said;
  return `"${target.model}": ${short}`;
}
