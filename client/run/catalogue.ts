/** The node's models: for each name that callers ask for, the providers that serve it and their own name for it. */

import {
  anyOf,
  type Endpoint,
  everyOf,
  leastOf,
  type ModelCapabilities,
} from "../../protocol/mod.ts";
import { type Adapter, endpointsServed } from "../adapter/adapter.ts";
import { providerTypes } from "../adapter/provider_types.ts";
import type { NodeConfig, ProviderConfig } from "../config/config.ts";
import { type Offer, Provider } from "./provider.ts";
import { Withdrawals } from "./withdrawals.ts";
import type { World } from "../world.ts";

export class Catalogue {
  #providers: readonly Provider[];
  #withdrawals: Withdrawals;
  readonly #ownOffers: readonly (readonly [string, Offer])[];
  #offers: ReadonlyMap<string, readonly Offer[]> = new Map();

  /**
   * `own`: adapters of the library's user, by the names that they serve. `onWithdrawal` is called
   * when what a provider turned out not to have has changed the models or their capabilities.
   * `isClosed`: whether the owner's policy keeps an offer in these scopes back now.
   */
  constructor(
    config: NodeConfig,
    own: Readonly<Record<string, Adapter>>,
    private readonly world: World,
    private readonly onWithdrawal: () => void = () => {},
    private readonly isClosed: (scopes: readonly string[]) => boolean = () => false,
  ) {
    this.#withdrawals = this.#freshWithdrawals();
    const scopes = providerScopes(config.providers);
    this.#providers = config.providers.map((provider, position) =>
      this.#providerOf(provider, position, scopes[position]!)
    );
    this.#ownOffers = Object.entries(own).map(([name, adapter]) => [name, ownOffer(name, adapter)]);
    this.update();
  }

  get providers(): readonly Provider[] {
    return this.#providers;
  }

  /**
   * Takes over the providers of another configuration. A provider that has not changed keeps what it
   * has listed; the others list their models first, until the signal aborts. Calls that run go on.
   */
  async reconfigure(config: Pick<NodeConfig, "providers">, signal: AbortSignal): Promise<void> {
    const scopes = providerScopes(config.providers);
    const providers = config.providers.map((provider, position) => {
      const before = this.#providers[position];
      const scope = scopes[position]!;
      return before?.isOf(provider, scope) ? before : this.#providerOf(provider, position, scope);
    });
    const fresh = providers.filter((provider) => !this.#providers.includes(provider));
    // What cannot be listed now is reported by the watch, which lists again.
    await Promise.allSettled(fresh.map((provider) => provider.refresh(signal)));
    this.#withdrawals.stop();
    this.#withdrawals = this.#freshWithdrawals();
    this.#providers = providers;
    this.update();
  }

  #providerOf(config: ProviderConfig, position: number, scope: string): Provider {
    const adapter = new providerTypes[config.type](config, this.world);
    return new Provider(placeOf(config, position), scope, config, adapter);
  }

  #freshWithdrawals(): Withdrawals {
    return new Withdrawals(this.world, () => {
      if (this.update()) this.onWithdrawal();
    });
  }

  /** Whether nothing could ever offer a model. */
  get isEmpty(): boolean {
    return this.providers.length === 0 && this.#ownOffers.length === 0;
  }

  /** Withdraws an offer if its provider has not got the model, or not this endpoint for it. Returns whether it is so. */
  confirmMissing(offer: Offer, endpoint: Endpoint): Promise<boolean> {
    return this.#withdrawals.confirm(offer, endpoint);
  }

  /** Ends what looks at withdrawn offers. */
  stop(): void {
    this.#withdrawals.stop();
  }

  /** Takes over the providers' current offers. Returns whether any name or capability has changed. */
  update(): boolean {
    const offers = new Map<string, Offer[]>();
    const all = [
      ...this.providers.flatMap((provider) => [...provider.offers()]),
      ...this.#ownOffers,
    ];
    for (const [name, offer] of all) {
      const endpoints = this.#withdrawals.endpointsOf(offer);
      if (endpoints.length === 0 || this.isClosed(offer.scopes ?? [])) continue;
      offers.set(name, [...offers.get(name) ?? [], { ...offer, endpoints }]);
    }
    const before = JSON.stringify(this.capabilities);
    this.#offers = offers;
    return JSON.stringify(this.capabilities) !== before;
  }

  /** The offers for a name, in the order in which they are tried. */
  get(name: string): readonly Offer[] | undefined {
    return this.#offers.get(name);
  }

  /** Every name that callers may ask for, with what is known of it. */
  get capabilities(): Record<string, ModelCapabilities> {
    return Object.fromEntries(
      [...this.#offers].map(([name, offers]) => [name, capabilitiesOf(offers)]),
    );
  }
}

/** Where a provider stands in the configuration, for people. */
export function placeOf({ type }: Pick<ProviderConfig, "type">, position: number): string {
  return `providers[${position}] ${type}`;
}

/**
 * Each provider's scope of the owner's policy: its type and address, so that what is counted there
 * stays its own when providers are added, removed or put into another order. Of several at one
 * address the order counts.
 */
export function providerScopes(
  providers: readonly Pick<ProviderConfig, "type" | "base_url">[],
): string[] {
  const seen = new Map<string, number>();
  return providers.map(({ type, base_url: url }) => {
    const scope = url === undefined ? type : `${type} ${url}`;
    const count = (seen.get(scope) ?? 0) + 1;
    seen.set(scope, count);
    return count === 1 ? scope : `${scope} #${count}`;
  });
}

function ownOffer(name: string, adapter: Adapter): Offer {
  return {
    provider: "own adapter",
    local: name,
    adapter,
    endpoints: endpointsServed(adapter),
  };
}

/** Any of the offers may get the call: only what all of them can do is promised. */
function capabilitiesOf(offers: readonly Offer[]): ModelCapabilities {
  const all = offers.map(({ capabilities = {} }) => capabilities);
  const contextLength = leastOf(all.map(({ context_length }) => context_length));
  const tools = everyOf(all.map(({ tools }) => tools));
  const vision = everyOf(all.map(({ vision }) => vision));
  const thinking = everyOf(all.map(({ thinking }) => thinking));
  const loaded = anyOf(all.map(({ loaded }) => loaded));
  const maxOutputTokens = leastOf(all.map(({ max_output_tokens }) => max_output_tokens));
  return {
    endpoints: [...new Set(offers.flatMap(({ endpoints }) => endpoints))],
    ...(contextLength !== null && { context_length: contextLength }),
    ...(maxOutputTokens !== null && { max_output_tokens: maxOutputTokens }),
    ...(tools !== null && { tools }),
    ...(vision !== null && { vision }),
    ...(thinking !== null && { thinking }),
    ...(loaded !== null && { loaded }),
  };
}
