/** `/api`: the console's API, also for programs with a session. Its routes describe themselves at /api/openapi.json. */

import { OpenAPIHono } from "@hono/zod-openapi";
import { readBytes, tooLarge } from "../body.ts";
import type { AppContext, AppEnv } from "../env.ts";
import { FormError } from "../form_error.ts";
import type { AppParts } from "../parts.ts";
import { accountRoutes } from "./account.ts";
import { adminRoutes } from "./admin.ts";
import { callRoutes } from "./calls.ts";
import { infoRoute } from "./info.ts";
import { joinRoutes } from "./joins.ts";
import { keyRoutes } from "./keys.ts";
import { liveRoutes } from "./live.ts";
import { modelRoutes } from "./models.ts";
import { nameRoutes } from "./names.ts";
import { nodeRoutes } from "./nodes.ts";
import { providerRoutes } from "./provider.ts";
import { sessionRoutes } from "./sessions.ts";
import { signInRoutes } from "./sign_in.ts";
import { usageRoutes } from "./usage.ts";
import { overviewRoutes } from "./overview.ts";
import { signedIn } from "./visitor.ts";
import { LoopTurns } from "../../base/loop_turns.ts";

const MAX_BODY_BYTES = 64 * 1024;

const decoder = new TextDecoder();

/** All of `/api`, to be mounted there. */
export function consoleApi(parts: AppParts): OpenAPIHono<AppEnv> {
  const api = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const what = result.target === "json" ? "body" : result.target;
      throw new FormError(what, result.error);
    },
  });
  // Each request has a turn of its own: a report over SQLite takes milliseconds, and waits for nothing.
  const turns = new LoopTurns(0);
  api.use(async (c, next) => {
    // Before the body is read: it costs a stranger nothing to send one.
    await admit(api, c, parts);
    await turns.take();
    await next();
  });
  api.use(async (c, next) => {
    const { raw } = c.req;
    const announced = c.req.header("content-length");
    if (Number(announced ?? 0) > MAX_BODY_BYTES) throw tooLarge(MAX_BODY_BYTES);
    if (announced === undefined && raw.body !== null) {
      const text = decoder.decode(await readBytes(raw.body, MAX_BODY_BYTES));
      // As what Hono has read itself. Of another request, the server would not know its caller's address.
      Object.assign(c.req.bodyCache, { text: Promise.resolve(text) });
    }
    await next();
  });

  signInRoutes(api, parts);
  accountRoutes(api, parts);
  sessionRoutes(api, parts);
  infoRoute(api, parts);
  providerRoutes(api, parts);
  joinRoutes(api, parts);
  keyRoutes(api, parts);
  callRoutes(api, parts);
  usageRoutes(api, parts);
  nodeRoutes(api, parts);
  modelRoutes(api, parts);
  nameRoutes(api, parts);
  adminRoutes(api, parts);
  overviewRoutes(api, parts);
  liveRoutes(api, parts);

  api.openAPIRegistry.registerComponent("securitySchemes", "session", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
  });
  const description =
    "Times are UTC milliseconds, durations milliseconds. See docs/console-api.md.";
  const info = { title: "Co-Link console API", version: parts.version, description };
  // Made once: it takes twenty milliseconds, and anyone may ask for it.
  let document: string | null = null;
  api.get("/openapi.json", (c) => {
    document ??= JSON.stringify(api.getOpenAPI31Document({ openapi: "3.1.0", info }));
    return c.body(document, 200, { "content-type": "application/json" });
  });
  return api;
}

/**
 * Counts the request for its account where its route needs a session, and else for its network.
 * Throws `rate_limit_exceeded`, or as `signedIn`.
 */
async function admit(api: OpenAPIHono<AppEnv>, c: AppContext, parts: AppParts): Promise<void> {
  const { rates } = parts;
  // Asked first: a caller who disconnects early has no address later.
  const { address } = parts.origin(c);
  const method = c.req.method === "HEAD" ? "GET" : c.req.method;
  if (!needsSession(api, method, c.req.path)) return rates.take("visits_per_network", address);
  const visitor = await signedIn(c, parts).catch(async (error) => {
    await rates.take("visits_per_network", address);
    throw error;
  });
  c.set("visitor", visitor);
  await rates.take("requests_per_account", visitor.accountId);
  if (method !== "GET") await rates.take("changes_per_account", visitor.accountId);
}

/** Whether a route says that it needs a session. */
function needsSession(api: OpenAPIHono<AppEnv>, method: string, path: string): boolean {
  return api.openAPIRegistry.definitions.some((definition) =>
    definition.type === "route" && definition.route.security !== undefined &&
    definition.route.method === method.toLowerCase() && isPath(definition.route.path, path)
  );
}

/** Whether a path such as `/nodes/{id}` is that of a request under `/api`. */
function isPath(pattern: string, path: string): boolean {
  const parts = path.split("/").slice(2);
  const wanted = pattern.split("/").slice(1);
  return parts.length === wanted.length &&
    wanted.every((part, i) => part.startsWith("{") || part === parts[i]);
}
