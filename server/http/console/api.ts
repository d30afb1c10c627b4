/** `/api`: the console's API, also for programs with a session. Its routes describe themselves at /api/openapi.json. */

import { OpenAPIHono } from "@hono/zod-openapi";
import { readBytes, tooLarge } from "../body.ts";
import type { AppEnv } from "../env.ts";
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

const MAX_BODY_BYTES = 64 * 1024;

/** All of `/api`, to be mounted there. */
export function consoleApi(parts: AppParts): OpenAPIHono<AppEnv> {
  const api = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const what = result.target === "json" ? "body" : result.target;
      throw new FormError(what, result.error);
    },
  });
  api.use(async (c, next) => {
    // Asked before the body is read: a caller who disconnects early has no address later.
    parts.origin(c);
    // Before the body is read: it costs a stranger nothing to send one.
    if (needsSession(api, c.req.method, c.req.path)) c.set("visitor", await signedIn(c, parts));
    await next();
  });
  api.use(async (c, next) => {
    const { raw } = c.req;
    const announced = c.req.header("content-length");
    if (Number(announced ?? 0) > MAX_BODY_BYTES) throw tooLarge(MAX_BODY_BYTES);
    if (announced === undefined && raw.body !== null) {
      const body = await readBytes(raw.body, MAX_BODY_BYTES);
      c.req.raw = new Request(raw, { body: body as Uint8Array<ArrayBuffer> });
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

/** Whether a route with a body says that it needs a session. */
function needsSession(api: OpenAPIHono<AppEnv>, method: string, path: string): boolean {
  return api.openAPIRegistry.definitions.some((definition) =>
    definition.type === "route" && definition.route.security !== undefined &&
    definition.route.request?.body !== undefined &&
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
