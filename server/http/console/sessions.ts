/** `/api/user/sessions`: an account's own sessions, listed and ended. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { MessageView, SessionsEnded, SessionsToEnd, SessionView } from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { clearSession } from "../session_cookie.ts";
import { answers, idParam, session } from "./schema.ts";
import { providerSignOut } from "./provider.ts";
import { audit, signedIn } from "./visitor.ts";

const routes = {
  sessions: createRoute({
    method: "get",
    path: "/user/sessions",
    description: "`{sessions}`",
    security: session,
    responses: answers(z.object({ sessions: z.array(SessionView) })),
  }),
  endSession: createRoute({
    method: "delete",
    path: "/user/sessions/{id}",
    description: "Ends one session",
    security: session,
    request: idParam,
    responses: answers(MessageView),
  }),
  endSessions: createRoute({
    method: "delete",
    path: "/user/sessions",
    description: "Ends all sessions but the one that asks; with `all=true` that one, too",
    security: session,
    request: { query: SessionsToEnd },
    responses: answers(SessionsEnded),
  }),
};

export function sessionRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { sessions, config } = parts;

  api.openapi(routes.sessions, async (c) => {
    const { accountId, sessionId } = await signedIn(c, parts);
    return c.json({ sessions: await sessions.list(accountId, sessionId) }, 200);
  });

  api.openapi(routes.endSession, async (c) => {
    const visitor = await signedIn(c, parts);
    await sessions.end(visitor.accountId, c.req.valid("param").id);
    await audit(c, parts, visitor, { action: "session.ended" });
    return c.json({ message: "Session ended" }, 200);
  });

  api.openapi(routes.endSessions, async (c) => {
    const visitor = await signedIn(c, parts);
    const isAll = c.req.valid("query").all === "true";
    const ended = await sessions.endOthers(visitor.accountId, isAll ? null : visitor.sessionId);
    await audit(c, parts, visitor, { action: "session.ended", detail: { ended } });
    if (isAll) clearSession(c, config);
    return c.json({ ended, ...(isAll ? await providerSignOut(c, parts, visitor) : {}) }, 200);
  });
}
