/**
 * Withdraws what a provider has not got although the node offers it: a model, or an endpoint for it.
 * A caller's request may earn a 404 of its own, so only the answer to a request of the node's decides.
 */

import { type Endpoint, endpointSpecs } from "../../protocol/mod.ts";
import { UpstreamFailure } from "../adapter/adapter.ts";
import type { Offer } from "./provider.ts";
import { pause, type World } from "../world.ts";

/** How long the provider may take to answer the node's own request. */
const ANSWER_WITHIN_MS = 10_000;
/** After this time a withdrawn offer is looked at again; each further time doubles, up to the most. */
const LOOK_AGAIN_MS = 60_000;
const LOOK_AGAIN_MOST_MS = 10 * 60_000;

/** Statuses by which servers say that they have no such path; 404 is also that of a missing model. */
const MISSING_STATUSES: ReadonlySet<number> = new Set([404, 405, 410]);
/** Some providers answer 400 for a model that they have not got. */
const MISSING_MODEL_CODES: ReadonlySet<unknown> = new Set([
  "model_not_found",
  "model_decommissioned",
  "invalid_model",
]);

export class Withdrawals {
  /** Withdrawn models, by the provider's place and name; see `keyOf`. */
  readonly #models = new Set<string>();
  /** Withdrawn endpoints of models. */
  readonly #endpoints = new Set<string>();
  /** Looks that run, and those of the last minute that found nothing missing, by offer and endpoint. */
  readonly #looks = new Map<string, Promise<boolean>>();
  readonly #stopping = new AbortController();

  /** `onChange` is called when an offer was withdrawn or is made again. */
  constructor(
    private readonly world: Pick<World, "after" | "log">,
    private readonly onChange: () => void,
  ) {}

  /** Whether a failure may mean that the provider has not got what the offer promises. */
  static mayConcern({ code, error }: UpstreamFailure): boolean {
    return MISSING_STATUSES.has(code) || (code === 400 && MISSING_MODEL_CODES.has(error?.code));
  }

  /** The offer's endpoints without those that are withdrawn. */
  endpointsOf(offer: Offer): readonly Endpoint[] {
    if (this.#models.has(keyOf(offer))) return [];
    return this.#endpoints.size === 0
      ? offer.endpoints
      : offer.endpoints.filter((endpoint) => !this.#endpoints.has(keyOf(offer, endpoint)));
  }

  /** Whether the provider has not got the model or the endpoint; it is withdrawn then. Never rejects. */
  confirm(offer: Offer, endpoint: Endpoint): Promise<boolean> {
    if (!offer.isProvided) return Promise.resolve(false);
    const key = keyOf(offer, endpoint);
    const look = this.#looks.get(key) ?? this.#confirm(offer, endpoint, key);
    this.#looks.set(key, look);
    return look;
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #confirm(offer: Offer, endpoint: Endpoint, key: string): Promise<boolean> {
    const failure = await this.#ask(offer, endpoint);
    const isMissing = failure !== null && Withdrawals.mayConcern(failure);
    if (isMissing) {
      void this.#withdraw(offer, endpoint, failure).finally(() => this.#looks.delete(key));
    } else {
      this.world.after(LOOK_AGAIN_MS, () => this.#looks.delete(key));
    }
    return isMissing;
  }

  /** Resolves once the provider has got it again. */
  async #withdraw(offer: Offer, endpoint: Endpoint, failure: UpstreamFailure): Promise<void> {
    const isModel = isAboutModel(failure, offer);
    const [withdrawn, key] = isModel
      ? [this.#models, keyOf(offer)]
      : [this.#endpoints, keyOf(offer, endpoint)];
    if (withdrawn.has(key)) return;
    const { provider, local: model } = offer;
    const subject = isModel ? "model" : "endpoint for the model";
    const fields = isModel ? { model } : { model, endpoint };
    withdrawn.add(key);
    this.world.log.warn(
      fields,
      `${provider} does not have this ${subject}: it is no longer offered`,
    );
    this.onChange();
    await this.#awaitReturn(offer, endpoint);
    withdrawn.delete(key);
    if (this.#stopping.signal.aborted) return;
    this.world.log.info(fields, `${provider} has this ${subject} again: offered again`);
    this.onChange();
  }

  async #awaitReturn(offer: Offer, endpoint: Endpoint): Promise<void> {
    const { signal } = this.#stopping;
    for (let delayMs = LOOK_AGAIN_MS; !signal.aborted; delayMs *= 2) {
      await pause(this.world, Math.min(delayMs, LOOK_AGAIN_MOST_MS), signal);
      if (signal.aborted) return;
      const failure = await this.#ask(offer, endpoint);
      if (failure === null || (isAnswer(failure) && !Withdrawals.mayConcern(failure))) return;
    }
  }

  /** The failure of the shortest request that the endpoint takes; null: it was answered. */
  async #ask({ adapter, local }: Offer, endpoint: Endpoint): Promise<UpstreamFailure | null> {
    const late = new AbortController();
    const cancel = this.world.after(ANSWER_WITHIN_MS, () => late.abort());
    const pieces = adapter.answer({
      id: "look",
      endpoint,
      headers: {},
      model: local,
      askedModel: local,
      bodyText: JSON.stringify({ model: local, ...endpointSpecs[endpoint].shortestBody }),
      stream: false,
      hidesUsage: false,
      signal: AbortSignal.any([late.signal, this.#stopping.signal]),
    });
    try {
      for await (const _ of pieces) break;
      return null;
    } catch (error) {
      return error instanceof UpstreamFailure
        ? error
        : new UpstreamFailure(502, "It cannot be asked", { cause: error });
    } finally {
      cancel();
    }
  }
}

function keyOf({ provider, local }: Offer, endpoint = ""): string {
  return `${provider}\n${local}\n${endpoint}`;
}

/** Whether the model is missing, rather than the path. */
function isAboutModel({ error, message }: UpstreamFailure, { local }: Offer): boolean {
  return MISSING_MODEL_CODES.has(error?.code) || /\bmodel\b/i.test(message) ||
    message.split(/[^\w./:-]+/).includes(local);
}

/** Whether the provider has answered at all, and not failed. */
function isAnswer({ code }: UpstreamFailure): boolean {
  return code < 500;
}
