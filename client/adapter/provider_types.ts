/** The provider types of the configuration, one row each; the adapter defines everything else about its type. */

import type { z } from "zod";
import type { Endpoint } from "../../protocol/mod.ts";
import type { World } from "../world.ts";
import type { Adapter } from "./adapter.ts";
import { ClaudeAdapter } from "./claude.ts";
import { OpenAiAdapter } from "./openai.ts";
import type { AddressRule } from "./upstream/base_url.ts";
import type { ProviderOptions } from "./provider_options.ts";

interface AdapterClass {
  new (provider: ProviderOptions, world: World): Adapter;
  /** All endpoints that a provider of the type can serve. */
  readonly endpoints: readonly Endpoint[];
  readonly address: AddressRule;
  /** The options of this type only. */
  readonly options?: z.ZodRawShape;
}

const rows = { openai: OpenAiAdapter, claude: ClaudeAdapter };

export type ProviderType = keyof typeof rows;

export const providerTypes: Readonly<Record<ProviderType, AdapterClass>> = Object.freeze(rows);
