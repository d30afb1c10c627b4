/** One provider of the configuration: its adapter, and the models that it offers now. */

import { Endpoint, type ModelCapabilities } from "../../protocol/mod.ts";
import { isModelName } from "../../protocol/model_name.ts";
import { type Adapter, endpointsServed, isListed, type ListedModel } from "../adapter/adapter.ts";
import type { AutoModels, ModelConfig, ProviderConfig } from "../config/config.ts";
import { fitsPattern } from "../../protocol/mod.ts";

/** One way to serve a name that callers ask for. */
export interface Offer {
  /** Where in the configuration the provider stands, for the owner's log. */
  provider: string;
  /** The model's name at the provider. */
  local: string;
  adapter: Adapter;
  /** The endpoints at which the model can be called there; at least one. */
  endpoints: readonly Endpoint[];
  /** The scopes of the owner's policy that it is in, besides the whole node. */
  scopes?: readonly string[];
  /** Whether a provider of the configuration serves it, rather than an adapter of the library's user. */
  isProvided?: true;
  /** What else is known of the model. */
  capabilities?: Omit<ModelCapabilities, "endpoints">;
}

/** Of one provider's list: more than any service has, and few enough to go through within a moment. */
const MAX_LISTED = 20_000;

export class Provider {
  /** The provider's own list, by id; null until it has answered once. */
  #listed: ReadonlyMap<string, ListedModel> | null = null;

  constructor(
    /** Where in the configuration it stands, for the owner's log. */
    readonly place: string,
    /** Names it in the owner's policy. */
    private readonly scope: string,
    private readonly config: ProviderConfig,
    private readonly adapter: Adapter,
  ) {}

  /** Whether it is that of this configuration, in that scope. */
  isOf(config: ProviderConfig, scope: string): boolean {
    return scope === this.scope && JSON.stringify(config) === JSON.stringify(this.config);
  }

  /** Whether the provider's own list decides what it offers. */
  get isAuto(): boolean {
    return !Array.isArray(this.config.models);
  }

  /** Whether the provider has listed its models. */
  get hasListed(): boolean {
    return this.#listed !== null;
  }

  /** Whether the provider says which models are in memory, which changes often. */
  get reportsLoading(): boolean {
    return [...this.#listed?.values() ?? []].some(({ capabilities }) =>
      capabilities.loaded !== undefined
    );
  }

  /** Fetches the provider's list. Throws an UpstreamFailure; the list before it then stays. */
  async refresh(signal: AbortSignal): Promise<void> {
    const listed = await this.adapter.models?.(signal) ?? [];
    // Some providers list in another order each time, which is no change.
    const sorted = listed.toSorted((a, b) => a.id < b.id ? -1 : 1);
    this.#listed = new Map(sorted.slice(0, MAX_LISTED).map((model) => [model.id, model]));
  }

  /** The provider's models, by the names that callers ask for. */
  offers(): Map<string, Offer> {
    const offers = this.#models().map((model): [string, Offer] => [
      model.server_mapping ?? model.local,
      this.#offer(model),
    ]);
    return new Map(offers.filter(([, { endpoints }]) => endpoints.length > 0));
  }

  /** Listed names that are no valid model names, so that callers could not ask for them. */
  get invalidNames(): string[] {
    return this.isAuto ? this.#auto().map(nameOf).filter((name) => !isModelName(name)) : [];
  }

  /** Models that the owner named and that the provider's list, if it has one, lacks. */
  get unlistedNames(): string[] {
    const { models } = this.config;
    const listed = this.#listed;
    if (!Array.isArray(models) || !listed?.size) return [];
    return models.map(({ local }) => local).filter((local) => !isListed(listed, local));
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
    return [...this.#listed?.values() ?? []].filter(isOffered)
      .map(({ id }) => ({ local: id, server_mapping: prefix + id }));
  }

  #offer(model: ModelConfig): Offer {
    const { local } = model;
    const listed = this.#listed?.get(local)?.capabilities ?? {};
    const { endpoints, ...capabilities } = listed;
    // A model named by the owner is offered even where the provider's list gives it no endpoint.
    const listedEndpoints = this.isAuto || endpoints?.length ? endpoints : undefined;
    const configured = (model.endpoints ?? this.config.endpoints)?.map((name) => Endpoint[name]);
    const served = endpointsServed(this.adapter);
    const wanted = configured ?? listedEndpoints ?? this.adapter.usualEndpoints ?? served;
    return {
      provider: this.place,
      local,
      adapter: this.adapter,
      isProvided: true,
      scopes: [this.scope, modelScope(this.scope, local)],
      endpoints: served.filter((endpoint) => wanted.includes(endpoint)),
      capabilities,
    };
  }
}

/** Names a provider's model as a scope of the owner's policy; see `providerScopes` for the provider's own. */
export function modelScope(providerScope: string, local: string): string {
  return `${providerScope}\n${local}`;
}

function rulesOf({ models }: ProviderConfig): AutoModels {
  return typeof models === "object" && "auto" in models ? models.auto : {};
}

function nameOf({ local, server_mapping = local }: ModelConfig): string {
  return server_mapping;
}
