/** Asks providers what models they have, again and again, and tells when that changes what the node offers. */

import { UpstreamFailure } from "../adapter/adapter.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Provider } from "./provider.ts";
import { pause, type World } from "../world.ts";

/** How often providers are asked whose list is what they offer; the others tell facts only. */
const AUTO_EVERY_MS = 60_000;
const FACTS_EVERY_MS = 60 * 60_000;
const ANSWER_WITHIN_MS = 10_000;

const KEY_REFUSED = 401;

/** Names that a log line shows of many. */
const MAX_NAMES_SHOWN = 5;

export class ModelWatch {
  #isStarted = false;
  readonly #stopping = new AbortController();
  /** The last failure of each provider, so that each is told once. */
  readonly #faults = new Map<Provider, string>();

  constructor(
    private readonly catalogue: Catalogue,
    private readonly world: Pick<World, "after" | "log">,
    private readonly onChange: () => void,
  ) {}

  /** Begins to ask. Harmless twice. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    for (const provider of this.catalogue.providers) void this.#watch(provider);
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #watch(provider: Provider): Promise<void> {
    const everyMs = provider.isAuto ? AUTO_EVERY_MS : FACTS_EVERY_MS;
    while (!this.#stopping.signal.aborted) {
      await this.#ask(provider);
      await pause(this.world, everyMs, this.#stopping.signal);
    }
  }

  async #ask(provider: Provider): Promise<void> {
    const late = new AbortController();
    const cancel = this.world.after(ANSWER_WITHIN_MS, () => late.abort());
    try {
      await provider.ask(AbortSignal.any([late.signal, this.#stopping.signal]));
      this.#heard(provider);
    } catch (error) {
      const reason = late.signal.aborted ? "no answer in time" : reasonOf(error);
      if (provider.isAuto || isForOwner(error)) this.#failed(provider, reason);
    } finally {
      cancel();
    }
  }

  #heard(provider: Provider): void {
    const { place, unspeakable } = provider;
    if (this.#faults.delete(provider)) this.world.log.info({}, `${place} lists its models again`);
    if (!this.catalogue.update()) return;
    if (unspeakable.length > 0) {
      const shown = unspeakable.slice(0, MAX_NAMES_SHOWN);
      this.world.log.warn(
        { count: unspeakable.length, names: shown },
        `${place} lists names that no model may have here; they are left out`,
      );
    }
    this.onChange();
  }

  #failed(provider: Provider, reason: string): void {
    if (this.#stopping.signal.aborted || this.#faults.get(provider) === reason) return;
    this.#faults.set(provider, reason);
    const text = `${provider.place} does not list its models: ${reason}; ${meanwhile(provider)}`;
    this.world.log.warn({}, text);
  }
}

function meanwhile({ isAuto, isHeard }: Provider): string {
  if (!isAuto) return "the models that you named stay offered, and calls of them may fail";
  return isHeard ? "what it listed before stays offered" : "nothing of it is offered until it does";
}

/**
 * Whether calls would fail for the same reason. Otherwise it does not matter for models that the
 * owner named: a provider without a list can serve them.
 */
function isForOwner(error: unknown): boolean {
  return error instanceof UpstreamFailure &&
    (error.code === KEY_REFUSED || error.message.startsWith("Cannot reach"));
}

function reasonOf(error: unknown): string {
  return error instanceof UpstreamFailure ? error.message : "it cannot be asked";
}
