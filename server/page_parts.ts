/** The parts that serve files: the console, the manual and the downloads. */

import { dirname, join } from "node:path";
import type { BaseParts } from "./base_parts.ts";
import { type Config, speaksTls } from "./base/config.ts";
import type { Origin } from "./http/address.ts";
import { assets, securityHeadersOf } from "./http/assets.ts";
import { Downloads } from "./http/downloads.ts";
import type { AppContext } from "./http/env.ts";
import { isReachedByHttps } from "./http/gateway_url.ts";
import { Manual } from "./http/manual.ts";
import type { AppParts } from "./http/parts.ts";
import { buildFacts } from "../release/mod.ts";

/** `consoleDir`: the console's built files; null: there are none. */
export function createPageParts(
  { config, limits, budgets }: BaseParts,
  { consoleDir, origin }: { consoleDir: string | null; origin: (c: AppContext) => Origin },
): Pick<AppParts, "console" | "manual" | "downloads"> {
  const headers = securityHeadersOf({
    httpsOnly: speaksTls(config) && config.httpPort !== null,
    isSecure: (c) => isReachedByHttps(c, { config, origin }),
  });
  return {
    console: consoleDir === null ? null : assets(consoleDir, headers, config.basePath),
    manual: consoleDir === null
      ? null
      : new Manual({ dir: join(consoleDir, "manual"), config, origin, headers }),
    downloads: new Downloads({
      dirs: downloadDirs(config),
      installDir: join(import.meta.dir, "install"),
      releaseKeys: buildFacts.releaseKeys,
      config,
      origin,
      limiter: limits.limiter,
      budgets,
    }),
  };
}

/**
 * Where releases for new machines are looked for: as configured, else in `downloads` beside the
 * executable, or bin/downloads in a clone, and then in the data folder.
 */
export function downloadDirs({ downloadsDir, dataDir }: Config): string[] {
  if (downloadsDir !== null) return [downloadsDir];
  const programs = Bun.isStandaloneExecutable
    ? dirname(process.execPath)
    : join(import.meta.dir, "..", "bin");
  return [programs, dataDir].map((dir) => join(dir, "downloads"));
}
