/** `/api/info`: what anyone may know of this gateway. */

import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { InfoView } from "../../../api/mod.ts";
import { ColinkError } from "../../base/error.ts";
import type { AppEnv } from "../env.ts";
import { isCutOff } from "../health.ts";
import type { AppParts } from "../parts.ts";
import { answers } from "./schema.ts";

const route = createRoute({
  method: "get",
  path: "/info",
  description:
    "Version, registration mode, numbers of nodes and models, whether the first administrator is still to be made, and whether other gateways are out of reach",
  responses: answers(InfoView),
});

export function infoRoute(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { setup, providerSignIn, settings, hub, config, version, cluster } = parts;

  api.openapi(route, async (c) =>
    c.json({
      version,
      name: settings.values.name,
      registration: settings.values.registration,
      public_url: config.publicUrl,
      nodes: hub.size,
      models: hub.modelCount,
      setup: await setup.isOpen().catch(asClosed),
      sign_in_provider: providerSignIn.label,
      passwords: !providerSignIn.isOnly,
      cut_off: cluster !== null && isCutOff(cluster.view()),
    }, 200));
}

/** `/api/info` answers while the database is away. */
function asClosed(error: unknown): false {
  if (error instanceof ColinkError && error.code === "store_unavailable") return false;
  throw error;
}
