/** One provider of the configuration: its adapter, and what it offers as far as is known of it now. */

import { Endpoint, type ModelCapabilities } from "../../protocol/mod.ts";
import { isModelName } from "../../protocol/model_name.ts";
import { type Adapter, endpointsServed, type ListedModel } from "../adapter/adapter.ts";
import type { AutoModels, ModelConfig, ProviderConfig } from "../config/config.ts";
import { fitsPattern } from "../config/name_pattern.ts";

/** One provider's way to serve a name. */
export interface Offer {
  /** For the owner's log: where in the configuration it stands. */
  provider: string;
  /** The model's name at the provider. */
  local: string;
  adapter: Adapter;
  /** What the model can be asked for there; at least one. */
  endpoints: readonly Endpoint[];
  /** What else is known of it. */
  capabilities?: Omit<ModelCapabilities, "endpoints">;
}

export class Provider {
  /** Null: it was never heard. */
  #listed: readonly ListedModel[] | null = null;

  constructor(
    /** For the owner's log: where in the configuration it stands. */
    readonly place: string,
    private readonly config: ProviderConfig,
    private readonly adapter: Adapter,
  ) {}

  /** Whether its list decides what it offers. */
  get isAuto(): boolean {
    return !Array.isArray(this.config.models);
  }

  /** Whether it has told what it has. */
  get isHeard(): boolean {
    return this.#listed !== null;
  }

  /** Asks it for its models; what it told before stays where it does not answer. Throws an UpstreamFailure. */
  async ask(signal: AbortSignal): Promise<void> {
    const listed = await this.adapter.models?.(signal) ?? [];
    // Some list in another order each time, which is no change.
    this.#listed = listed.toSorted((a, b) => a.id < b.id ? -1 : 1);
  }

  /** What it offers, by the names that callers ask for. */
  offers(): Map<string, Offer> {
    const offers = this.#models().map((model): [string, Offer] => [
      model.server_mapping ?? model.local,
      this.#offer(model),
    ]);
    return new Map(offers.filter(([, { endpoints }]) => endpoints.length > 0));
  }

  /** Names that it lists and that callers could not ask for. */
  get unspeakable(): string[] {
    return this.isAuto ? this.#auto().map(nameOf).filter((name) => !isModelName(name)) : [];
  }

  #models(): readonly ModelConfig[] {
    const { models } = this.config;
    return Array.isArray(models)
      ? models
      : this.#auto().filter((model) => isModelName(nameOf(model)));
  }

  #auto(): ModelConfig[] {
    const { prefix = "", allow, deny = [] } = rulesOf(this.config);
    const isOffered = ({ id }: ListedModel) =>
      (allow === undefined || allow.some((pattern) => fitsPattern(id, pattern))) &&
      !deny.some((pattern) => fitsPattern(id, pattern));
    return (this.#listed ?? []).filter(isOffered)
      .map(({ id }) => ({ local: id, server_mapping: prefix + id }));
  }

  #offer(model: ModelConfig): Offer {
    const { local } = model;
    const listed = this.#listed?.find(({ id }) => id === local)?.capabilities ?? {};
    const { endpoints: told, ...capabilities } = listed;
    const said = model.endpoints ?? this.config.endpoints;
    const served = endpointsServed(this.adapter);
    const wanted = said === undefined
      ? withTranslated(told) ?? this.adapter.usualEndpoints ?? served
      : said.map((name) => Endpoint[name]);
    return {
      provider: this.place,
      local,
      adapter: this.adapter,
      endpoints: served.filter((endpoint) => wanted.includes(endpoint)),
      capabilities,
    };
  }
}

/** Messages are translated for servers that chat and do not know them. */
function withTranslated(told: readonly string[] | undefined): readonly string[] | undefined {
  return told?.includes(Endpoint.chat) ? [...told, Endpoint.messages] : told;
}

function rulesOf({ models }: ProviderConfig): AutoModels {
  return typeof models === "object" && "auto" in models ? models.auto : {};
}

function nameOf({ local, server_mapping = local }: ModelConfig): string {
  return server_mapping;
}
