/** The rows of the compatibility tests: each is run by a real client and listed in the documentation. */

import type { Endpoint } from "../../protocol/mod.ts";
import type { Scene } from "./scene.ts";

/** The clients, by package name. */
export type Client =
  | "openai"
  | "openai (Python)"
  | "@anthropic-ai/sdk"
  | "ai"
  | "@ai-sdk/anthropic 2"
  | "@ai-sdk/anthropic 3"
  | "@ai-sdk/openai"
  | "@ai-sdk/openai 2"
  | "@ai-sdk/openai 3"
  | "@langchain/openai";

/** The provider types. */
export type Provider = "openai" | "claude";

/** The tested paths: inference, model lists, and endpoints that do not exist yet. */
export type Path = Endpoint | "/v1/models" | "/v1/audio" | "/v1/images";

/** One feature, on the providers with the same outcome. */
export interface Row {
  /** The feature, in few words. */
  does: string;
  on: readonly Provider[];
  /** Absent: it works. Else how it fails or differs, for the documentation. */
  but?: Shortfall;
  /** Why the row cannot run on this machine; absent or null: it can. */
  missing?: string | null;
  /** Runs the feature; fails if it is not as the row states. */
  run(scene: Scene): Promise<void>;
}

type Shortfall =
  /** It does not work; the caller receives this error. */
  | { fails: string }
  /** It works, with this difference. */
  | { note: string };

export interface Feature extends Omit<Row, "on"> {
  client: Client;
  path: Path;
  provider: Provider;
}

/** Expands the rows of one client at one path into one feature per provider. */
export function features(client: Client, path: Path, rows: readonly Row[]): Feature[] {
  return rows.flatMap(({ on, ...row }) =>
    on.map((provider) => ({ ...row, client, path, provider }))
  );
}
