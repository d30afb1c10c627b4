/**
 * Co-Link as a library.
 *
 * `createNode(config)` and everything from `protocol/` run on Bun and on Deno; `createGateway(config)`
 * needs Bun, and is loaded only when it is called.
 *
 * ```ts
 * import { createGateway, createNode, readConfig } from "@co-link/co-link";
 *
 * const gateway = await createGateway(await readConfig({ PORT: "0" }));
 * console.log(gateway.url);
 * await gateway.stop();
 * ```
 */

import type { Config } from "./server/base/config.ts";
import type { Gateway, GatewayWorld } from "./server/gateway.ts";

export * from "./client/mod.ts";
export type * from "./api/mod.ts";
export * from "./protocol/mod.ts";
export type { Config, Gateway, GatewayWorld };

/**
 * Starts a gateway: opens its store, brings the schema up to date, listens. Throws ColinkError when
 * the store cannot be opened, and the listener's own error when the port is taken.
 */
export async function createGateway(config: Config, world?: GatewayWorld): Promise<Gateway> {
  const gateway = await import("./server/gateway.ts");
  return await gateway.createGateway(config, world);
}

/**
 * Settings, by the names that the server's `--help` lists → a checked Config with every default.
 * Throws ConfigError, whose `problems` name all that is wrong.
 */
export async function readConfig(
  settings: Readonly<Record<string, string | undefined>>,
): Promise<Config> {
  const config = await import("./server/base/read_config.ts");
  return config.readConfig(settings);
}
