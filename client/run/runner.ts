/** Runs calls: one call → an adapter → the gateway. Guards the node's own limit whatever the gateway thinks. */

import { type Piece, UpstreamFailure } from "../adapter/adapter.ts";
import { CALLER_GONE, type Endpoint } from "../../protocol/mod.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Offer } from "./provider.ts";
import { type UsageMeter, usageMeter } from "../adapter/usage_meter.ts";
import type { World } from "../world.ts";

/** What the gateway asks for. */
export interface Call {
  id: string;
  endpoint: Endpoint;
  /** The caller's headers that matter upstream, by lower-case name. */
  headers: Readonly<Record<string, string>>;
  /** The name under which callers know the model. */
  model: string;
  /** The caller's body, the JSON text as it came. */
  bodyText: string;
  stream: boolean;
  /** Whether the caller did not ask for the usage that the body asks for. */
  hidesUsage: boolean;
}

/** The way back to the gateway, in whatever dialect the link speaks. */
export interface Reply {
  /** The upstream has accepted; its headers that callers may see. Another one's replace them until the first piece. */
  head(headers: Record<string, string>): void;
  piece(piece: Piece): void;
  finish(tally: UsageMeter): void;
  fail(failure: UpstreamFailure, tally: UsageMeter): void;
  /** Not run: no slot is free, or the node is leaving. */
  busy(why: string): void;
  /** Waits while the link holds too much that was not sent yet; null: it does not. */
  ready(signal: AbortSignal): Promise<void> | null;
}

export interface RunnerOptions {
  catalogue: Pick<Catalogue, "get">;
  maxParallel: number;
  world: Pick<World, "nowMs" | "log">;
}

export class Runner {
  readonly #running = new Map<string, { controller: AbortController; link: object }>();
  #waiting: { link: object | undefined; resolve: () => void }[] = [];
  #isDraining = false;
  #served = 0;
  #failed = 0;

  constructor(private readonly options: RunnerOptions) {}

  /** Calls at work now. */
  get active(): number {
    return this.#running.size;
  }

  /** Calls that ended since the start. */
  get totals(): { served: number; failed: number } {
    return { served: this.#served, failed: this.#failed };
  }

  /** Takes a call that came over `link`, or answers at once why not. Never throws. */
  take(call: Call, reply: Reply, link: object): void {
    if (this.#running.has(call.id)) {
      this.options.world.log.warn(
        { request_id: call.id },
        "ignored a call that is running already",
      );
    } else if (this.#isDraining) {
      reply.busy("this node is draining");
    } else if (this.#running.size >= this.options.maxParallel) {
      reply.busy(`all ${this.options.maxParallel} slots are in use`);
    } else {
      void this.#run(call, reply, link);
    }
  }

  /** The caller is gone: stops the upstream. The call's end is still reported. */
  cancel(id: string): void {
    this.#running.get(id)?.controller.abort(
      new UpstreamFailure(CALLER_GONE, "Stopped: the caller is gone"),
    );
  }

  /** The node leaves, or one of its links is lost: stops every upstream, or those whose calls came over it. */
  cancelAll(link?: object): void {
    const reason = new UpstreamFailure(503, "this node stopped in the middle of the call", {
      isBusy: true,
    });
    for (const call of this.#running.values()) {
      if (link === undefined || call.link === link) call.controller.abort(reason);
    }
  }

  /** Takes nothing new from now on. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Resolves when nothing runs, or nothing that came over the link. */
  idle(link?: object): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ link, resolve });
      this.#tellIdle();
    });
  }

  #tellIdle(): void {
    const links = new Set([...this.#running.values()].map(({ link }) => link));
    this.#waiting = this.#waiting.filter(({ link, resolve }) => {
      if (link === undefined ? links.size > 0 : links.has(link)) return true;
      resolve();
      return false;
    });
  }

  async #run(call: Call, reply: Reply, link: object): Promise<void> {
    const controller = new AbortController();
    this.#running.set(call.id, { controller, link });
    const startedMs = this.options.world.nowMs();
    const tally = usageMeter(call.endpoint);
    const outcome = await this.#answer(call, reply, tally, controller.signal);
    // The slot is free only now: until here the upstream may still have been at work.
    this.#running.delete(call.id);
    if (outcome.failure) reply.fail(outcome.failure, tally);
    else reply.finish(tally);
    this.#report(call, outcome, tally, startedMs);
    if (this.#waiting.length > 0) this.#tellIdle();
  }

  /** Tries the model's offers in order, until one has said its first word. */
  async #answer(
    call: Call,
    reply: Reply,
    tally: UsageMeter,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const offers = this.options.catalogue.get(call.model) ?? [];
    let failure: UpstreamFailure | undefined;
    let provider: string | undefined;
    for (const offer of offers) {
      if (!offer.endpoints.includes(call.endpoint)) continue;
      provider = offer.provider;
      try {
        await this.#relay(offer, call, reply, tally, signal);
        return { provider };
      } catch (error) {
        failure = failureOf(error, signal);
        if (tally.pieces > 0 || signal.aborted || !failure.mayWorkElsewhere) break;
      }
    }
    return { failure: failure ?? notServed(call, offers), provider };
  }

  async #relay(offer: Offer, call: Call, reply: Reply, tally: UsageMeter, signal: AbortSignal) {
    const onHead = (headers: Record<string, string>) => reply.head(headers);
    const order = { ...call, model: offer.local, askedModel: call.model, signal, onHead };
    for await (const piece of offer.adapter.answer(order)) {
      signal.throwIfAborted();
      tally.count(piece);
      reply.piece(piece);
      const ready = reply.ready(signal);
      if (ready !== null) await ready;
    }
    signal.throwIfAborted();
  }

  #report(call: Call, { failure, provider }: Outcome, tally: UsageMeter, startedMs: number): void {
    const fields = {
      request_id: call.id,
      endpoint: call.endpoint,
      model: call.model,
      status: failure?.code ?? 200,
      prompt_tokens: tally.promptTokens,
      completion_tokens: tally.completionTokens,
      duration_ms: Math.round(this.options.world.nowMs() - startedMs),
    };
    if (failure === undefined) {
      this.#served++;
      this.options.world.log.info(fields, "call served");
    } else if (failure.code === CALLER_GONE) {
      this.options.world.log.info(fields, "call cancelled");
    } else {
      this.#failed++;
      this.options.world.log.warn({ ...fields, provider, fault: faultOf(failure) }, "call failed");
    }
  }
}

interface Outcome {
  failure?: UpstreamFailure;
  provider?: string | undefined;
}

function notServed({ model, endpoint }: Call, offers: readonly Offer[]): UpstreamFailure {
  const where = offers.length === 0 ? "" : ` at ${endpoint}`;
  return new UpstreamFailure(404, `This node does not serve the model "${model}"${where}`);
}

function failureOf(error: unknown, signal: AbortSignal): UpstreamFailure {
  if (signal.aborted) return signal.reason as UpstreamFailure;
  if (error instanceof UpstreamFailure) return error;
  return new UpstreamFailure(502, "This node failed to run the call", { cause: error });
}

/** What the owner's log says of a failure. Upstreams repeat prompts in their messages, so those stay out. */
function faultOf({ error, message, cause }: UpstreamFailure): string {
  if (error !== undefined) return String(error.code ?? error.type ?? "refused by the provider");
  return cause instanceof Error && !message.startsWith("Cannot reach")
    ? `${message} (${cause.name})`
    : message;
}
