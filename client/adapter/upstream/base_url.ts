/** Where a provider's API begins: people write its address with and without the version, a slash, a query. */

import type { Endpoint } from "../../../protocol/mod.ts";
import type { ProviderConfig } from "../../config/config.ts";

export const OPENAI_BASE_URL = "https://api.openai.com/v1";
export const CLAUDE_BASE_URL = "https://api.anthropic.com";

const VERSION = "/v1";

interface Convention {
  base: string;
  /** Whether a path without slashes at its end still lacks the version. */
  lacksVersion: (path: string) => boolean;
}

const conventions: Readonly<Record<ProviderConfig["type"], Convention>> = Object.freeze({
  // Many servers have it elsewhere (`/openai`, `/api/v1beta`), so only a bare host lacks it for sure.
  openai: { base: OPENAI_BASE_URL, lacksVersion: (path) => path === "" },
  claude: { base: CLAUDE_BASE_URL, lacksVersion: (path) => !path.endsWith(VERSION) },
});

type Address = Pick<ProviderConfig, "type" | "base_url" | "api_path">;

/** The address below which the endpoints stand, without a slash at its end but for a bare host's; a query stays. */
export function baseUrlOf({ type, base_url, api_path }: Address): URL {
  const { base, lacksVersion } = conventions[type];
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
