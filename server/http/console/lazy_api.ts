/** `/api`, loaded by the first request for it. */

import { Hono } from "hono";
import type { AppContext, AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { pathBelow } from "../base_path.ts";
import { unmatched } from "../unmatched.ts";

/**
 * A handler for all of `/api`. Its schemas are most of what a gateway would load at its start, and a
 * gateway whose console is never opened needs none of them. Errors reject, for the app to render.
 */
export function lazyConsoleApi(parts: AppParts): (c: AppContext) => Promise<Response> {
  let loaded: Promise<Hono<AppEnv>> | null = null;
  return async (c) => {
    const api = await (loaded ??= load(parts));
    return await api.fetch(c.req.raw, c.env);
  };
}

async function load(parts: AppParts): Promise<Hono<AppEnv>> {
  // The OpenAPI document knows no shape that was made before this library was loaded, and the bundler
  // loads the shapes first where a command of the program shares them.
  await import("@hono/zod-openapi");
  const { consoleApi } = await import("./api.ts");
  const api = new Hono<AppEnv>(pathBelow(parts.config.basePath));
  api.onError((error) => {
    throw error;
  });
  api.notFound((c) => {
    throw unmatched(c);
  });
  return api.route("/api", consoleApi(parts));
}
