/** Where a provider's API begins: people write its address with and without the version, a slash, a query. */

import type { Endpoint } from "../../../protocol/mod.ts";
import type { ProviderOptions } from "../provider_options.ts";

const VERSION = "/v1";

/** Where the servers of one provider type have their API. */
export interface AddressRule {
  /** The `base_url` of a provider that names none. */
  base: string;
  /** Whether a path, without slashes at its end, still lacks the version. */
  lacksVersion: (path: string) => boolean;
}

/** The address below which the endpoints stand, without a slash at its end but for a bare host's; a query stays. */
export function baseUrlOf(
  { base_url, api_path }: ProviderOptions,
  { base, lacksVersion }: AddressRule,
): URL {
  const url = new URL(base_url ?? base);
  const path = bare(url.pathname);
  url.pathname = path + (api_path === undefined && lacksVersion(path) ? VERSION : bare(api_path));
  url.hash = "";
  return url;
}

/** An endpoint's path below the base address. */
export function pathBelowBase(endpoint: Endpoint): string {
  return endpoint.slice(`${VERSION}/`.length);
}

function bare(path = ""): string {
  return path.replace(/\/+$/, "");
}
