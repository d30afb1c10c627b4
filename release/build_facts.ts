/** What this program was stamped with when it was built; from source there is no stamp. */

import type { Target } from "./target.ts";

declare const BUILD_VERSION: string | undefined;
declare const BUILD_TARGET: string | undefined;
declare const BUILD_COMMITTED_AT: string | undefined;
declare const BUILD_RELEASE_KEYS: readonly string[] | undefined;

export interface BuildFacts {
  /** `0.1.0+abc1234`, with `-dirty` behind it where the tree had changes; `dev` from source. */
  version: string;
  /** The kind of machine that it was built for; null: run from source. */
  target: Target | null;
  /** When its commit was made, ISO 8601; null: built outside a repository, or run from source. */
  committedAt: string | null;
  /** Ed25519 public keys, 32 bytes in base64, whose signatures this program accepts; may be empty. */
  releaseKeys: readonly string[];
}

export const buildFacts: BuildFacts = {
  version: typeof BUILD_VERSION === "string" ? BUILD_VERSION : "dev",
  target: typeof BUILD_TARGET === "string" ? BUILD_TARGET as Target : null,
  committedAt: typeof BUILD_COMMITTED_AT === "string" ? BUILD_COMMITTED_AT || null : null,
  releaseKeys: typeof BUILD_RELEASE_KEYS === "object" ? BUILD_RELEASE_KEYS : [],
};
