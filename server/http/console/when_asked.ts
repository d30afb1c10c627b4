/** `/api`, made when it is asked for the first time. */

import { Hono } from "hono";
import type { AppContext, AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";

/**
 * A handler for all of `/api`; what it does not know goes to `notFound`, and what it throws to the
 * app. Its schemas are most of what a gateway would load at its start, and a gateway that nobody
 * looks at needs none of them.
 */
export function consoleWhenAsked(
  parts: AppParts,
  notFound: (c: AppContext) => never,
): (c: AppContext) => Promise<Response> {
  let made: Promise<Hono<AppEnv>> | null = null;
  return async (c) => {
    const console = await (made ??= make(parts, notFound));
    return await console.fetch(c.req.raw, c.env);
  };
}

async function make(parts: AppParts, notFound: (c: AppContext) => never): Promise<Hono<AppEnv>> {
  const { consoleApi } = await import("./api.ts");
  const console = new Hono<AppEnv>();
  console.onError((error) => {
    throw error;
  });
  console.notFound(notFound);
  return console.route("/api", consoleApi(parts));
}
