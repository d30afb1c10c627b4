/** Polls the providers for their models, and reports when that changes what the node offers. */

import { UpstreamFailure } from "../adapter/adapter.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Provider } from "./provider.ts";
import { pause, type World } from "../world.ts";

/** The interval for providers whose own list is what they offer, or that say which models are in memory. */
const OFTEN_MS = 60_000;
/** The interval for the others, whose list only adds facts about the models that the owner named. */
const FACTS_EVERY_MS = 60 * 60_000;
const ANSWER_WITHIN_MS = 10_000;
/** A provider is asked out of turn so often at most: one that unloads a model after each call says the same every time. */
const OUT_OF_TURN_MS = 10_000;

const KEY_REFUSED = 401;

/** How many invalid names a log line shows. */
const MAX_NAMES_SHOWN = 5;

export class ModelWatch {
  #isStarted = false;
  readonly #stopping = new AbortController();
  /** The last failure of each provider, so that it is logged once. */
  readonly #failures = new Map<Provider, string>();
  /** The named models that each provider's last list lacked, so that they are logged once. */
  readonly #unlisted = new Map<Provider, string>();
  /** Providers that wait for their next turn, by their place. */
  readonly #waiting = new Map<string, { sinceMs: number; end: AbortController }>();

  /** `onChange` is called when the catalogue's models or their capabilities have changed. */
  constructor(
    private readonly catalogue: Pick<Catalogue, "providers" | "update">,
    private readonly world: Pick<World, "after" | "nowMs" | "log">,
    private readonly onChange: () => void,
  ) {}

  /** Begins to poll. Harmless twice. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    for (const provider of this.catalogue.providers) void this.#watch(provider);
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** What is in memory at the provider has changed: it is asked again now, unless it was a moment ago. */
  lookAgain(place: string): void {
    const waiting = this.#waiting.get(place);
    if (waiting === undefined) return;
    if (this.world.nowMs() - waiting.sinceMs >= OUT_OF_TURN_MS) waiting.end.abort();
  }

  async #watch(provider: Provider): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#refresh(provider);
      const isOften = provider.isAuto || provider.reportsLoading;
      const everyMs = isOften ? OFTEN_MS : FACTS_EVERY_MS;
      const end = new AbortController();
      this.#waiting.set(provider.place, { sinceMs: this.world.nowMs(), end });
      await pause(this.world, everyMs, AbortSignal.any([end.signal, this.#stopping.signal]));
    }
  }

  async #refresh(provider: Provider): Promise<void> {
    const late = new AbortController();
    const cancel = this.world.after(ANSWER_WITHIN_MS, () => late.abort());
    try {
      await provider.refresh(AbortSignal.any([late.signal, this.#stopping.signal]));
      this.#listed(provider);
    } catch (error) {
      const reason = late.signal.aborted ? "no answer in time" : reasonOf(error);
      if (provider.isAuto || failsCalls(error)) this.#failed(provider, reason);
    } finally {
      cancel();
    }
  }

  #listed(provider: Provider): void {
    const { place, invalidNames } = provider;
    if (this.#failures.delete(provider)) this.world.log.info({}, `${place} lists its models again`);
    this.#noteUnlisted(provider);
    if (!this.catalogue.update()) return;
    if (invalidNames.length > 0) {
      const shown = invalidNames.slice(0, MAX_NAMES_SHOWN);
      this.world.log.warn(
        { count: invalidNames.length, names: shown },
        `${place} lists names that no model may have here; they are left out`,
      );
    }
    this.onChange();
  }

  /** Such a model stays offered, since some providers serve names that they do not list. */
  #noteUnlisted(provider: Provider): void {
    const { place, unlistedNames } = provider;
    const names = unlistedNames.join("\n");
    const isKnown = this.#unlisted.get(provider) === names;
    this.#unlisted.set(provider, names);
    if (isKnown || names === "") return;
    this.world.log.warn(
      { count: unlistedNames.length, models: unlistedNames.slice(0, MAX_NAMES_SHOWN) },
      `${place} does not list models that you named: see that they are spelt right and loaded; calls of them may fail`,
    );
  }

  #failed(provider: Provider, reason: string): void {
    if (this.#stopping.signal.aborted || this.#failures.get(provider) === reason) return;
    this.#failures.set(provider, reason);
    const text = `${provider.place} does not list its models: ${reason}; ${meanwhile(provider)}`;
    this.world.log.warn({}, text);
  }
}

function meanwhile({ isAuto, hasListed }: Provider): string {
  if (!isAuto) return "the models that you named stay offered, and calls of them may fail";
  return hasListed
    ? "what it listed before stays offered"
    : "nothing of it is offered until it does";
}

/** Whether calls would fail for the same reason. A provider that merely has no list can serve named models. */
function failsCalls(error: unknown): boolean {
  return error instanceof UpstreamFailure &&
    (error.code === KEY_REFUSED || error.message.startsWith("Cannot reach"));
}

function reasonOf(error: unknown): string {
  return error instanceof UpstreamFailure ? error.message : "it cannot be asked";
}
