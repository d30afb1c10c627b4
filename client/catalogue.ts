/** Which providers of this node serve a name that callers ask for, and what they call it themselves. */

import type { Endpoint, ModelCapabilities } from "../protocol/mod.ts";
import { type Adapter, endpointsServed } from "./adapter/adapter.ts";
import { ClaudeAdapter } from "./adapter/claude.ts";
import { OpenAiAdapter } from "./adapter/openai.ts";
import type { NodeConfig, ProviderConfig } from "./config.ts";
import type { World } from "./world.ts";

/** One provider's way to serve a name. */
export interface Offer {
  /** For the owner's log: where in the configuration it stands. */
  provider: string;
  /** The model's name at the provider. */
  local: string;
  /** Where callers may ask for it. */
  endpoints: readonly Endpoint[];
  adapter: Adapter;
}

/** The node's models by the names under which callers ask; the offers of one are tried in order. */
export type Catalogue = ReadonlyMap<string, readonly Offer[]>;

/** A new provider type is a row here. */
const adapters: Readonly<
  Record<ProviderConfig["type"], new (provider: ProviderConfig, world: World) => Adapter>
> = Object.freeze({ openai: OpenAiAdapter, claude: ClaudeAdapter });

/** `own`: adapters that the library's user brings, by the names that they serve. */
export function createCatalogue(
  config: NodeConfig,
  own: Readonly<Record<string, Adapter>>,
  world: World,
): Catalogue {
  const catalogue = new Map<string, Offer[]>();
  config.providers.forEach((provider, position) => {
    const adapter = new adapters[provider.type](provider, world);
    for (const { local, server_mapping: name = local } of provider.models) {
      const endpoints = endpointsServed(adapter);
      const offer = {
        provider: `providers[${position}] ${provider.type}`,
        local,
        endpoints,
        adapter,
      };
      catalogue.set(name, [...catalogue.get(name) ?? [], offer]);
    }
  });
  for (const [name, adapter] of Object.entries(own)) {
    const endpoints = endpointsServed(adapter);
    const offer = { provider: "own adapter", local: name, endpoints, adapter };
    catalogue.set(name, [...catalogue.get(name) ?? [], offer]);
  }
  return catalogue;
}

/** What each model can do, as gateways want to be told. */
export function capabilitiesOf(catalogue: Catalogue): Record<string, ModelCapabilities> {
  return Object.fromEntries(
    [...catalogue].map(([name, offers]) => [
      name,
      { endpoints: [...new Set(offers.flatMap(({ endpoints }) => endpoints))] },
    ]),
  );
}
