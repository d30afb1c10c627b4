/** Normalises a provider's base URL: owners write it with and without the version, a slash, a query. */

import type { Endpoint } from "../../../protocol/mod.ts";
import type { ProviderOptions } from "../provider_options.ts";

const VERSION = "/v1";

/** Where the servers of one provider type have their API. */
export interface AddressRule {
  /** The `base_url` of a provider that names none. */
  base: string;
  /** Whether a path (without trailing slashes) still lacks the version. */
  lacksVersion: (path: string) => boolean;
}

/** The URL below which the endpoints are, without a trailing slash (except a bare host's). A query is kept. */
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

/** An endpoint's path below the base URL. */
export function pathBelowBase(endpoint: Endpoint): string {
  return endpoint.slice(`${VERSION}/`.length);
}

function bare(path = ""): string {
  return path.replace(/\/+$/, "");
}
