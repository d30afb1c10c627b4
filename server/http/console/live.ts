/** `/api/live`: what changes, as server-sent events. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { LiveEvents, LiveTopic } from "../../../api/mod.ts";
import { defined } from "../../base/defined.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, session } from "./schema.ts";
import { signedIn } from "./visitor.ts";

const topics = z.string().default(LiveTopic.options.join(","))
  .transform((text) => text.split(",").map((name) => name.trim()))
  .pipe(z.array(LiveTopic).min(1));

const route = createRoute({
  method: "get",
  path: "/live",
  description: "Changes as they happen, as server-sent events; `topics`, `Last-Event-ID`",
  security: session,
  request: {
    query: z.object({ topics: topics.openapi({ type: "string" }) }),
    headers: z.object({ "last-event-id": z.string().max(100).optional() }),
  },
  responses: {
    ...answers(z.object({})),
    200: {
      description:
        "Events by the names of LiveEvents, each with its `data` as JSON. The first is " +
        "`snapshot`, unless the events since `Last-Event-ID` are still known: then only those are " +
        "sent. The stream ends with its session, or when it is read too slowly; connect again then. " +
        "What was loaded before a `snapshot` may be out of date.",
      content: { "text/event-stream": { schema: z.string() } },
    },
  },
});

export function liveRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  api.openAPIRegistry.register("LiveEvents", LiveEvents);

  api.openapi(route, async (c) => {
    const visitor = await signedIn(c, parts);
    // The first event of each may be the whole network.
    await parts.rates.take("live_streams_opened_per_account", visitor.accountId);
    const lastEventId = c.req.valid("header")["last-event-id"];
    const { topics } = c.req.valid("query");
    const stream = parts.live.open(defined({ visitor, topics: new Set(topics), lastEventId }));
    // The stream sends keep-alives; Bun's idle timer would not wait for them.
    c.env.server.timeout(c.req.raw, 0);
    return new Response(stream, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "x-accel-buffering": "no",
      },
    });
  });
}
