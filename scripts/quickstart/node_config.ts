/** The node's configuration file. JSON strings are YAML strings, so no library is needed to quote them. */

import { chmodSync, writeFileSync } from "node:fs";
import type { ModelSource } from "./model_source.ts";

export interface NodeConfig {
  clientToken: string;
  serverUrl: string;
  source: ModelSource;
}

/** Writes it so that only its owner can read the token in it. */
export function writeNodeConfig(
  file: string,
  { clientToken, serverUrl, source }: NodeConfig,
): void {
  const { type, api_key, base_url } = source.provider;
  const lines = [
    "# Rewritten by every quickstart.",
    `client_token: ${JSON.stringify(clientToken)}`,
    `server_url: ${JSON.stringify(serverUrl)}`,
    "max_parallel: 3",
    "providers:",
    `  - type: ${JSON.stringify(type)}`,
    `    api_key: ${JSON.stringify(api_key)}`,
    ...(base_url === undefined ? [] : [`    base_url: ${JSON.stringify(base_url)}`]),
    "    models:",
    `      - local: ${JSON.stringify(source.model)}`,
    `        server_mapping: ${JSON.stringify(source.model)}`,
  ];
  writeFileSync(file, lines.join("\n") + "\n", { mode: 0o600 });
  // The mode above counts for a new file only.
  chmodSync(file, 0o600);
}
