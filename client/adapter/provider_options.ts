/** How a provider is reached: what its adapter takes from the configuration. */

export interface ProviderOptions {
  /** Local servers need none. */
  api_key?: string | undefined;
  /** Default: https://api.openai.com/v1 or https://api.anthropic.com. A bare host has its API under /v1. */
  base_url?: string | undefined;
  /** Where the API begins below `base_url`. Default: /v1 where servers of the type have it there. */
  api_path?: string | undefined;
  /** Sent with every call to this provider; they win over the node's own. */
  headers?: Record<string, string> | undefined;
  /** `claude` only. Default: 2023-06-01. */
  anthropic_version?: string | undefined;
  /** `claude` only: whether images that callers name by http:// are fetched. Default: no. */
  fetch_images?: boolean | undefined;
}
