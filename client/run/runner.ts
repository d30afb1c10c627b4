/** Runs calls: hands each to an adapter and its answer to the gateway. Holds the node to its own limit, whatever the gateway counts. */

import { type Piece, UpstreamFailure } from "../adapter/adapter.ts";
import { CALLER_GONE, type Endpoint } from "../../protocol/mod.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Offer } from "./provider.ts";
import { type UsageMeter, usageMeter } from "../adapter/usage_meter.ts";
import { Withdrawals } from "./withdrawals.ts";
import { type Gate, openGate } from "../policy/gate.ts";
import { WHOLE_NODE } from "../policy/usage.ts";
import type { CancelTimer, World } from "../world.ts";

/** One call, as the gateway sent it. */
export interface Call {
  id: string;
  endpoint: Endpoint;
  /** The caller's headers that matter upstream, by lower-case name. */
  headers: Readonly<Record<string, string>>;
  /** The name under which callers request the model. */
  model: string;
  /** The caller's body: JSON text, unchanged. */
  bodyText: string;
  stream: boolean;
  /** Whether the gateway requested usage that the caller did not. */
  hidesUsage: boolean;
  /** The entry of the node's `share_with` that admits the call, as the gateway says. */
  audience?: string | undefined;
}

/** A call's way back to the gateway, in whatever version of the wire the link speaks. */
export interface Reply {
  /** The upstream has accepted; its headers that callers may see. A later call replaces them until the first piece. */
  head(headers: Record<string, string>): void;
  piece(piece: Piece): void;
  finish(usage: UsageMeter): void;
  fail(failure: UpstreamFailure, usage: UsageMeter): void;
  /** The call was not run: no slot is free, or the node is leaving. */
  busy(reason: string): void;
  /** Resolves once the link can take more, or the signal aborts; null: it can now. */
  ready(signal: AbortSignal): Promise<void> | null;
}

/** A call that runs now, without what it says. */
export interface RunningCall {
  model: string;
  endpoint: Endpoint;
  /** Since the call came. */
  seconds: number;
  /** So far, about one for each event of its stream. */
  tokens: number;
  /** Counted since the call's first token; null: none has come. */
  tokensPerSecond: number | null;
}

/** A call that failed, in the words of the log. */
export interface FailedCall {
  /** UTC milliseconds. */
  at: number;
  model: string;
  fault: string;
}

export interface RunnerOptions {
  catalogue: Pick<Catalogue, "get" | "confirmMissing">;
  /** Holds calls to the owner's policy. Default: there is none. */
  gate?: Pick<Gate, "pauseOf" | "began" | "ended">;
  /** Whether a call with this audience may come to the node at all. Default: every call may. */
  mayCome?: (audience: string | undefined) => boolean;
  /** Called when a call is refused, or given up, because of the owner's terms. */
  onRefused?: () => void;
  /** Called when a model begins to answer that its provider has said is not in memory. */
  onLoaded?: (offer: Offer) => void;
  maxParallel: number;
  world: Pick<World, "after" | "nowMs" | "todayMs" | "log">;
}

/** A call that runs. */
interface Run {
  call: Call;
  reply: Reply;
  /** The link that it came over. */
  link: object;
  usage: UsageMeter;
  /** Whether an upstream has accepted the request: what fails afterwards is its answer. */
  isAccepted: boolean;
  /** The scopes of the owner's policy that the offer in use is in. */
  scopes: readonly string[];
  startedMs: number;
  firstPieceMs: number | null;
  /** Its reason is the failure that the call ends with. */
  controller: AbortController;
  /** Cancels the timer that stops the call, where that waits for its usage. */
  cancelStop?: CancelTimer;
}

/** How long a complete answer whose caller is gone is read on for its usage. */
const USAGE_WITHIN_MS = 500;

interface Outcome {
  failure?: UpstreamFailure;
  /** Whose adapter was tried last; absent: none was. */
  provider?: string | undefined;
}

export class Runner {
  readonly #runs = new Map<string, Run>();
  #idleWaiters: { link: object | undefined; resolve: () => void }[] = [];
  #isDraining = false;
  #maxParallel: number;
  #lastFailure: FailedCall | null = null;
  #served = 0;
  #failed = 0;
  readonly #gate: NonNullable<RunnerOptions["gate"]>;

  constructor(private readonly options: RunnerOptions) {
    this.#maxParallel = options.maxParallel;
    this.#gate = options.gate ?? openGate;
  }

  /** Calls that may run at a time. Those beyond a lower number run on. */
  get maxParallel(): number {
    return this.#maxParallel;
  }

  set maxParallel(calls: number) {
    this.#maxParallel = calls;
  }

  /** The calls that run now, the oldest first. */
  get running(): RunningCall[] {
    const nowMs = this.options.world.nowMs();
    return [...this.#runs.values()].map(({ call, usage, startedMs, firstPieceMs }) => {
      const { tokenEvents: tokens } = usage;
      const streamingS = firstPieceMs === null ? 0 : (nowMs - firstPieceMs) / 1000;
      return {
        model: call.model,
        endpoint: call.endpoint,
        seconds: (nowMs - startedMs) / 1000,
        tokens,
        tokensPerSecond: streamingS > 0 && tokens > 1 ? tokens / streamingS : null,
      };
    });
  }

  get lastFailure(): FailedCall | null {
    return this.#lastFailure;
  }

  /** Calls that run now. */
  get active(): number {
    return this.#runs.size;
  }

  /** Calls that ended since the start. */
  get totals(): { served: number; failed: number } {
    return { served: this.#served, failed: this.#failed };
  }

  /** Runs a call that came over `link`, or answers at once that it cannot. Never throws. */
  take(call: Call, reply: Reply, link: object): void {
    const { world } = this.options;
    const maxParallel = this.#maxParallel;
    const pause = this.#gate.pauseOf([WHOLE_NODE]);
    if (this.#runs.has(call.id)) {
      world.log.warn({ request_id: call.id }, "ignored a call that is running already");
    } else if (this.options.mayCome?.(call.audience) === false) {
      // The gateway may have sent it before it read that the owner lends to fewer.
      world.log.warn({ request_id: call.id }, "refused a call that share_with does not let in");
      reply.busy("this node is not shared with the call's audience");
      this.options.onRefused?.();
    } else if (this.#isDraining) {
      reply.busy("this node is draining");
    } else if (this.#runs.size >= maxParallel) {
      reply.busy(`all ${maxParallel} slots are in use`);
    } else if (pause !== null) {
      reply.busy(`this node is paused: ${pause.reason}`);
      this.options.onRefused?.();
    } else {
      this.#gate.began([WHOLE_NODE]);
      const usage = usageMeter(call.endpoint);
      const controller = new AbortController();
      void this.#run({
        call,
        reply,
        link,
        usage,
        isAccepted: false,
        scopes: [WHOLE_NODE],
        startedMs: world.nowMs(),
        firstPieceMs: null,
        controller,
      });
    }
  }

  /**
   * Stops a call whose caller is gone. Its end is still reported. Many callers leave after the finish
   * reason, and the usage comes after that.
   */
  cancel(id: string): void {
    const run = this.#runs.get(id);
    if (run === undefined || run.cancelStop) return;
    const gone = new UpstreamFailure(CALLER_GONE, "Stopped: the caller is gone");
    const stop = () => run.controller.abort(gone);
    if (!isComplete(run) || run.usage.promptTokens !== null) return stop();
    run.cancelStop = this.options.world.after(USAGE_WITHIN_MS, stop);
  }

  /** Stops every call, or those that came over one link. */
  cancelAll(link?: object): void {
    const reason = new UpstreamFailure(503, "this node stopped in the middle of the call", {
      isBusy: true,
    });
    for (const run of this.#runs.values()) {
      if (link === undefined || run.link === link) run.controller.abort(reason);
    }
  }

  /**
   * The owner's policy has closed: its calls without output so far are sent to other nodes, all of its
   * calls if `isHard`. Gateways penalise no node for that.
   */
  giveWay(isHard: boolean): void {
    for (const { scopes, usage, controller } of this.#runs.values()) {
      if (usage.pieces > 0 && !isHard) continue;
      const pause = this.#gate.pauseOf(scopes);
      if (pause === null) continue;
      controller.abort(paused(pause.reason));
      this.options.onRefused?.();
    }
  }

  /** Refuses new calls from now on. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Resolves when no call runs, or none that came over the link. */
  idle(link?: object): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push({ link, resolve });
      this.#resolveIdle();
    });
  }

  #resolveIdle(): void {
    const links = new Set([...this.#runs.values()].map(({ link }) => link));
    this.#idleWaiters = this.#idleWaiters.filter(({ link, resolve }) => {
      if (link === undefined ? links.size > 0 : links.has(link)) return true;
      resolve();
      return false;
    });
  }

  async #run(run: Run): Promise<void> {
    const { call, reply, usage } = run;
    this.#runs.set(call.id, run);
    const outcome = await this.#answer(run);
    run.cancelStop?.();
    if (outcome.failure?.code === CALLER_GONE && isComplete(run)) delete outcome.failure;
    // Freed only once the upstream has ended, and before the gateway can send the next call.
    this.#runs.delete(call.id);
    const { promptTokens, completionTokens, tokenEvents } = usage;
    this.#gate.ended(run.scopes, (promptTokens ?? 0) + (completionTokens ?? tokenEvents));
    if (outcome.failure) reply.fail(outcome.failure, usage);
    else reply.finish(usage);
    this.#report(run, outcome);
    if (this.#idleWaiters.length > 0) this.#resolveIdle();
  }

  /** Tries the model's offers in order, until one has begun to answer. */
  async #answer(run: Run): Promise<Outcome> {
    const { call, usage, controller: { signal } } = run;
    const offers = this.options.catalogue.get(call.model) ?? [];
    let failure: UpstreamFailure | undefined;
    let provider: string | undefined;
    for (const offer of offers) {
      if (!offer.endpoints.includes(call.endpoint)) continue;
      const pause = this.#gate.pauseOf(offer.scopes ?? []);
      if (pause !== null) {
        if (failure === undefined) this.options.onRefused?.();
        failure ??= paused(pause.reason);
        continue;
      }
      provider = offer.provider;
      try {
        await this.#relay(offer, run);
        return { provider };
      } catch (error) {
        failure = failureOf(error, run);
        if (usage.pieces > 0 || signal.aborted) break;
        if (Withdrawals.mayConcern(failure)) failure = await this.#confirmed(failure, offer, run);
        if (signal.aborted || !failure.mayWorkElsewhere) break;
      }
    }
    return { failure: failure ?? notServed(call, offers), provider };
  }

  /** The failure, with the kind that says whether the provider lacks what the offer promises, or the request is at fault. */
  async #confirmed(failure: UpstreamFailure, offer: Offer, run: Run): Promise<UpstreamFailure> {
    const { call: { endpoint }, controller: { signal } } = run;
    const isMissing = await this.options.catalogue.confirmMissing(offer, endpoint);
    if (signal.aborted) return failureOf(failure, run);
    return failure.withKind(isMissing ? "offer_withdrawn" : "request");
  }

  async #relay(offer: Offer, run: Run): Promise<void> {
    const { call, reply, usage, controller: { signal } } = run;
    run.isAccepted = false;
    const scopes = offer.scopes ?? [];
    run.scopes = [WHOLE_NODE, ...scopes];
    this.#gate.began(scopes);
    const onHead = (headers: Record<string, string>) => {
      run.isAccepted = true;
      reply.head(headers);
    };
    const adapterCall = { ...call, model: offer.local, askedModel: call.model, signal, onHead };
    for await (const piece of offer.adapter.answer(adapterCall)) {
      signal.throwIfAborted();
      if (usage.pieces === 0 && offer.capabilities?.loaded === false) {
        this.options.onLoaded?.(offer);
      }
      usage.count(piece);
      run.firstPieceMs ??= this.options.world.nowMs();
      reply.piece(piece);
      const ready = reply.ready(signal);
      if (ready !== null) await ready;
    }
    signal.throwIfAborted();
  }

  #report({ call, usage, startedMs }: Run, { failure, provider }: Outcome): void {
    const { world } = this.options;
    const fields = {
      request_id: call.id,
      endpoint: call.endpoint,
      model: call.model,
      status: failure?.code ?? 200,
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      duration_ms: Math.round(world.nowMs() - startedMs),
    };
    if (failure === undefined) {
      this.#served++;
      world.log.info(fields, "call served");
    } else if (failure.code === CALLER_GONE) {
      world.log.info(fields, "call cancelled");
    } else {
      this.#failed++;
      const fault = faultOf(failure);
      this.#lastFailure = { at: world.todayMs(), model: call.model, fault };
      world.log.warn({ ...fields, provider, fault }, "call failed");
    }
  }
}

/** Whether the model has ended its answer. Of several choices, another one may still be written. */
function isComplete({ usage, call: { bodyText } }: Run): boolean {
  return usage.finishReason !== null && !/"n"\s*:\s*(?:[2-9]|1\d)/.test(bodyText);
}

/** The owner's policy holds the call back: another node may take it, and no penalty follows. */
function paused(reason: string): UpstreamFailure {
  return new UpstreamFailure(503, `this node is paused: ${reason}`, { isBusy: true });
}

function notServed({ model, endpoint }: Call, offers: readonly Offer[]): UpstreamFailure {
  const where = offers.length === 0 ? "" : ` at ${endpoint}`;
  // The gateway has sent the call before it read that the offer is withdrawn.
  return new UpstreamFailure(404, `This node does not serve the model "${model}"${where}`, {
    kind: "offer_withdrawn",
  });
}

/** An unexpected error comes from the node's own code: before the upstream has accepted, it is not the upstream's fault. */
function failureOf(error: unknown, { isAccepted, controller: { signal } }: Run): UpstreamFailure {
  if (signal.aborted) return signal.reason as UpstreamFailure;
  if (error instanceof UpstreamFailure) return error;
  return isAccepted
    ? new UpstreamFailure(502, "This node cannot read the provider's answer", { cause: error })
    : new UpstreamFailure(500, "This node cannot send the call", {
      kind: "internal",
      cause: error,
    });
}

/** A failure as the owner's log names it. Upstreams' own messages are left out: they repeat prompts. */
function faultOf({ error, message, cause }: UpstreamFailure): string {
  if (error !== undefined) return String(error.code ?? error.type ?? "refused by the provider");
  return cause instanceof Error && !message.startsWith("Cannot reach")
    ? `${message} (${cause.name})`
    : message;
}
