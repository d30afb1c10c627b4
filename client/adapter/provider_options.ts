/** The part of a provider's configuration that its adapter reads. */

import type { ConfiguredQuirks } from "./chat/quirks.ts";

export interface ProviderOptions {
  /** Not required by local servers. */
  api_key?: string | undefined;
  /** Default: https://api.openai.com/v1 or https://api.anthropic.com. A bare host gets /v1. */
  base_url?: string | undefined;
  /** The API's path below `base_url`. Default: /v1 if servers of the type have it there. */
  api_path?: string | undefined;
  /** The proxy that leads to it, or `none`. Default: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say. */
  proxy?: string | undefined;
  /** Sent with every request to this provider; they override the node's own. */
  headers?: Record<string, string> | undefined;
  /** `openai` only: how the server deviates from the usual dialect. Default: known or learned. */
  quirks?: ConfiguredQuirks | undefined;
  /** `claude` only. Default: 2023-06-01. */
  anthropic_version?: string | undefined;
  /** `claude` only: whether the node fetches images at http:// URLs. Default: no. */
  fetch_images?: boolean | undefined;
}
