/** Which providers of this node serve a name that callers ask for, and what they call it themselves. */

import type { Adapter } from "./adapter/adapter.ts";
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
      const offer = { provider: `providers[${position}] ${provider.type}`, local, adapter };
      catalogue.set(name, [...catalogue.get(name) ?? [], offer]);
    }
  });
  for (const [name, adapter] of Object.entries(own)) {
    const offer = { provider: "own adapter", local: name, adapter };
    catalogue.set(name, [...catalogue.get(name) ?? [], offer]);
  }
  return catalogue;
}
