/** Every route of the gateway, on one screen. */

import { type Context, Hono, type Next } from "hono";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Router } from "hono/router";
import type { H, Handler, MiddlewareHandler, RouterRoute } from "hono/types";
import { Endpoint } from "../protocol/mod.ts";
import { PEER_PATH } from "./cluster/address.ts";
import { pathBelow } from "./http/base_path.ts";
import { lazyConsoleApi } from "./http/console/lazy_api.ts";
import { licenseNotices } from "./http/downloads.ts";
import { endpoints } from "./http/endpoints.ts";
import type { AppEnv } from "./http/env.ts";
import { commonHeaders, preflight } from "./http/headers.ts";
import { livez, metrics, readyz } from "./http/health.ts";
import { requestLog } from "./http/request_log.ts";
import { type CallHandler, inference } from "./http/inference.ts";
import type { Manual } from "./http/manual.ts";
import { listModels, oneModel } from "./http/models.ts";
import type { AppParts } from "./http/parts.ts";
import { acmeChallenge, type ChallengeSource, toHttps } from "./http/plain_http.ts";
import { peerUpgrade } from "./http/peer_upgrade.ts";
import { storedResponse } from "./http/responses.ts";
import { refuse } from "./http/reply.ts";
import { unmatched } from "./http/unmatched.ts";
import { upgrade } from "./http/upgrade.ts";

export function createApp(parts: AppParts): Hono<AppEnv> {
  // The fastest router, named so that a route which it cannot have fails at once instead of slowing all others down.
  const router = new RegExpRouter<[H, RouterRoute]>();
  const app = new Hono<AppEnv>({ ...pathBelow(parts.config.basePath), router });
  app.onError((error, c) => refuse(error, c, requestLog(parts, c), parts.config.publicUrl));
  app.notFound((c) => refuse(unmatched(c), c, requestLog(parts, c), parts.config.publicUrl));

  const calls = new Map<H, CallHandler>();
  for (const endpoint of endpoints) {
    const handle = inference(endpoint, parts);
    const route: Handler<AppEnv> = (c) => handle(c.req.raw, c.env);
    calls.set(route, handle);
    for (const path of spellings(endpoint.path)) app.post(path, route);
  }

  for (const path of spellings(`${Endpoint.responses}/:id`)) {
    app.get(path, storedResponse("retrieve", parts));
    app.delete(path, storedResponse("delete", parts));
    app.post(`${path}/cancel`, storedResponse("cancel", parts));
    app.get(`${path}/input_items`, storedResponse("input_items", parts));
  }

  app.options("/v1/*", commonHeaders, preflight);
  for (const path of spellings("/v1/models")) {
    app.get(path, commonHeaders, listModels(parts));
    app.get(`${path}/*`, commonHeaders, oneModel(parts));
  }
  app.get("/v1/*", commonHeaders, (c) => c.notFound());

  const visit = visits(parts);
  // Without a rate: a refusal would cost as much as the answer, and a balancer must always get one.
  app.get("/livez", commonHeaders, livez);
  app.get("/readyz", commonHeaders, readyz(parts));
  app.get("/metrics", commonHeaders, visit, onlyAsSpelt, metrics(parts));
  app.get("/ws", commonHeaders, upgrade(parts));
  app.get(PEER_PATH, commonHeaders, onlyAsSpelt, peerUpgrade(parts));
  const { downloads } = parts;
  app.get("/download", commonHeaders, visit, (c) => downloads.list(c));
  app.get("/download/", commonHeaders, visit, (c) => downloads.list(c));
  app.get("/download/:name", commonHeaders, visit, (c) => downloads.file(c));
  app.get("/install.sh", commonHeaders, visit, downloads.script("install.sh"));
  app.get("/install.ps1", commonHeaders, visit, downloads.script("install.ps1"));
  app.get("/licenses.txt", commonHeaders, visit, licenseNotices);
  app.all("/api/*", commonHeaders, lazyConsoleApi(parts));
  if (parts.manual) routeManual(app, parts.manual, visit);
  if (parts.console) app.get("*", commonHeaders, visit, parts.console);
  return withoutContext(app, router, calls);
}

/**
 * Hands the requests of these routes to their handlers as Hono's router finds them. Hono would make a
 * context of twenty closures and three promises for each, of which these handlers need none.
 */
function withoutContext(
  app: Hono<AppEnv>,
  router: Router<[H, RouterRoute]>,
  handlers: ReadonlyMap<H, CallHandler>,
): Hono<AppEnv> {
  const { fetch } = app;
  app.fetch = (request, env, execution) => {
    const [[found]] = router.match(request.method, app.getPath(request));
    const handle = found && handlers.get(found[0][0]);
    return handle ? handle(request, env as AppEnv["Bindings"]) : fetch(request, env, execution);
  };
  return app;
}

/** Counts a request for its network. Rejects with `rate_limit_exceeded`. */
function visits({ rates, origin }: AppParts): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await rates.take("visits_per_network", origin(c).address);
    await next();
  };
}

/**
 * For paths that proxies keep from the world: some proxies compare a path as it was sent, and would
 * let `/%6detrics` through.
 */
async function onlyAsSpelt(c: Context<AppEnv>, next: Next): Promise<Response | void> {
  return new URL(c.req.url).pathname.includes("%") ? await c.notFound() : await next();
}

/** A path, and the one that Anthropic's clients ask for where their base URL ends in /v1 already. */
function spellings(path: string): string[] {
  return [path, `/v1${path}`];
}

export function routeManual(
  app: Hono<AppEnv>,
  manual: Manual,
  visit: MiddlewareHandler<AppEnv>,
): void {
  app.get("/llms.txt", commonHeaders, visit, (c, next) => manual.llms(c, next));
  app.get("/docs", commonHeaders, visit, (c, next) => manual.page(c, next));
  app.get("/docs/*", commonHeaders, visit, (c, next) => manual.page(c, next));
}

/** What is served without encryption beside HTTPS. Links between gateways are sealed by themselves. */
export function createPlainApp(
  parts: AppParts,
  certificates: ChallengeSource,
  httpsPort: () => number | null,
): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.onError((error, c) => refuse(error, c, requestLog(parts, c), parts.config.publicUrl));
  app.get("/.well-known/acme-challenge/*", acmeChallenge(certificates));
  app.get("/livez", commonHeaders, livez);
  app.get(PEER_PATH, commonHeaders, peerUpgrade(parts));
  app.all("*", commonHeaders, toHttps(parts, certificates, httpsPort));
  return app;
}
