/** The node as a library, on Bun and on Deno: `createNode(config).start()`. */
export * from "./adapter/adapter.ts";
export {
  type AutoModels,
  ConfigError,
  loadConfig,
  type LoadedConfig,
  type ModelConfig,
  type ModelsConfig,
  type NodeConfig,
  parseConfig,
  type ProviderConfig,
} from "./config/config.ts";
export type { ProviderType } from "./adapter/provider_types.ts";
export type { ProviderOptions } from "./adapter/provider_options.ts";
export type { EndpointName } from "../protocol/endpoint.ts";
export { createNode, type Node, type NodeOptions, type NodeStatus } from "./node.ts";
export type { SessionState } from "./link/session.ts";
export type { CancelTimer, ClientSocket, Log, World } from "./world.ts";
