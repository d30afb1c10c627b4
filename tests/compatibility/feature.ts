/** What callers can do, a row each: shown by a client that really does it, and written into the documentation. */

import type { Endpoint } from "../../protocol/mod.ts";
import type { Scene } from "./scene.ts";

/** The programs that callers use, as they are called at their registry. */
export type Client =
  | "openai"
  | "openai (Python)"
  | "@anthropic-ai/sdk"
  | "ai"
  | "@langchain/openai";

/** The types of provider that a node may have. */
export type Provider = "openai" | "claude";

/** The paths that are looked at: inference, what is asked before it, and what is not there yet. */
export type Path = Endpoint | "/v1/models" | "/v1/audio" | "/v1/images";

/** One thing that callers do, at whatever providers it comes out the same. */
export interface Row {
  /** What a caller does, in few words. */
  does: string;
  on: readonly Provider[];
  /** Absent: it works. Else how it fails, or what is different about it, for the documentation. */
  but?: Shortfall;
  /** Why it cannot be tried on this machine; absent or null: it can. */
  missing?: string | null;
  /** Does it, and fails where it is not as the row says. */
  run(scene: Scene): Promise<void>;
}

export type Shortfall =
  /** It does not work; the caller is told so like this. */
  | { fails: string }
  /** It works, with this difference. */
  | { note: string };

export interface Feature extends Omit<Row, "on"> {
  client: Client;
  path: Path;
  provider: Provider;
}

/** The rows of one client at one path, one feature for each provider. */
export function features(client: Client, path: Path, rows: readonly Row[]): Feature[] {
  return rows.flatMap(({ on, ...row }) =>
    on.map((provider) => ({ ...row, client, path, provider }))
  );
}
