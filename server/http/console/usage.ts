/** `/api/usage`: the dashboard in one answer, and usage as a table to download. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { UsageExportFilter, UsageFilter, UsageView } from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, session } from "./schema.ts";
import { type TableFormat, tableStream } from "./table_stream.ts";
import { administrator, signedIn } from "./visitor.ts";

/** A reader that takes nothing for so long loses its download. */
const IDLE_SECONDS = 120;

const table = { schema: z.string() };

const routes = {
  usage: createRoute({
    method: "get",
    path: "/usage",
    description:
      "Figures by `side`, `from`, `to`, `step`, `zone`, `model`, `key`, `node`: in all, over time, by model, key and node",
    security: session,
    request: { query: UsageFilter },
    responses: answers(UsageView),
  }),
  exported: createRoute({
    method: "get",
    path: "/usage/export",
    description:
      "Calls made, as CSV or JSON lines (`format`), a row for each of what `by` names (`day,account,group,key,model`); `from`, `to`, `zone`; `scope=all` for administrators",
    security: session,
    request: { query: UsageExportFilter },
    responses: {
      ...answers(z.object({})),
      200: {
        description: "The table. One that could not be read whole ends with a broken connection.",
        content: { "text/csv": table, "application/x-ndjson": table },
      },
    },
  }),
};

export function usageRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  api.openapi(routes.usage, async (c) => {
    const { accountId } = await signedIn(c, parts);
    await parts.rates.take("usage_reports_per_account", accountId);
    return c.json(await parts.usage.view(accountId, c.req.valid("query")), 200);
  });

  api.openapi(routes.exported, async (c) => {
    const filter = c.req.valid("query");
    const { accountId, role } = filter.scope === "all"
      ? await administrator(c, parts)
      : await signedIn(c, parts);
    const isAll = (filter.scope ?? (role === "admin" ? "all" : "own")) === "all";
    await parts.rates.take("usage_exports_per_account", accountId);
    const file = parts.usageExport.file(isAll ? null : accountId, filter);
    const format: TableFormat = filter.format ?? "csv";
    const body = await tableStream(file, format);
    c.env.server.timeout(c.req.raw, IDLE_SECONDS);
    const name = `co-link-usage-${file.days.join("-to-")}.${format}`;
    return new Response(body, {
      headers: {
        "content-type": format === "csv"
          ? "text/csv; charset=utf-8"
          : "application/x-ndjson; charset=utf-8",
        "content-disposition": `attachment; filename="${name}"`,
        "cache-control": "no-store",
      },
    });
  });
}
