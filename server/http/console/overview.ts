/** `/api/admin/overview`: the whole gateway at a glance, for administrators. */

import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { type ModelQueue, OverviewFilter, OverviewView } from "../../../api/mod.ts";
import { attention } from "../attention.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { TightBudgets } from "../tight_budgets.ts";
import { answers, session } from "./schema.ts";
import { administrator } from "./visitor.ts";

const MAX_CAUSES = 20;
const MAX_QUEUES = 20;

const route = createRoute({
  method: "get",
  path: "/admin/overview",
  description:
    "Figures of all accounts together by `from`, `to`, `step`, `zone`; failures by cause, queues, and what needs attention",
  security: session,
  request: { query: OverviewFilter },
  responses: answers(OverviewView),
});

export function overviewRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const budgets = new TightBudgets(parts);
  const { hub, calls, scheduler, cluster, clock, version, store } = parts;

  api.openapi(route, async (c) => {
    const { accountId } = await administrator(c, parts);
    await parts.rates.take("overviews_per_account", accountId);
    const usage = await parts.usage.everyone(c.req.valid("query"));
    const [causes, found] = await Promise.all([
      store.calls.causes(usage.from, usage.to, MAX_CAUSES),
      attention(parts, budgets),
    ]);
    return c.json({
      at: clock.now(),
      version,
      gateways: cluster?.view().gateways ?? 1,
      nodes: hub.size,
      models: hub.modelCount,
      running: calls.size,
      waiting: scheduler.waiting,
      usage,
      causes: causes.map(({ cause, calls }) => ({ code: cause, calls })),
      queues: queues(),
      attention: found,
    }, 200);
  });

  function queues(): ModelQueue[] {
    if (scheduler.waiting === 0) return [];
    const found = [];
    for (const model of hub.models(null)) {
      const waiting = scheduler.waitingFor(model);
      if (waiting > 0) found.push({ model, waiting });
    }
    return found.sort((a, b) => b.waiting - a.waiting).slice(0, MAX_QUEUES).map((queue) => {
      const nodes = [...hub.nodesOf(queue.model)];
      return {
        ...queue,
        running: nodes.reduce((sum, { active }) => sum + active, 0),
        slots: nodes.reduce((sum, { offer }) => sum + offer.maxParallel, 0),
      };
    });
  }
}
