/** `/api/live`: what changes, as server-sent events. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { LiveTopic } from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, session } from "./schema.ts";
import { signedIn } from "./visitor.ts";

const topicNames = ["network", "nodes", "calls", "changes"] as const satisfies readonly LiveTopic[];

const topics = z.string().default(topicNames.join(","))
  .transform((text) => text.split(",").map((name) => name.trim()))
  .pipe(z.array(z.enum(topicNames)).min(1));

const route = createRoute({
  method: "get",
  path: "/live",
  security: session,
  request: {
    query: z.object({ topics: topics.openapi({ type: "string" }) }),
    headers: z.object({ "last-event-id": z.string().max(100).optional() }),
  },
  responses: {
    ...answers(z.object({})),
    200: {
      description: "Events; api/live.ts tells which, and what their data holds",
      content: { "text/event-stream": { schema: z.string() } },
    },
  },
});

export function liveRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  api.openapi(route, async (c) => {
    const visitor = await signedIn(c, parts);
    const lastEventId = c.req.valid("header")["last-event-id"];
    const stream = parts.live.open({
      visitor,
      topics: new Set(c.req.valid("query").topics),
      ...(lastEventId === undefined ? {} : { lastEventId }),
    });
    // It has keep-alives of its own; Bun's idle timer would not wait for them.
    c.env.server.timeout(c.req.raw, 0);
    return new Response(stream, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "x-accel-buffering": "no",
      },
    });
  });
}
