/** `/api`: what the console (and anyone with a session) can ask. Its routes document themselves at /api/openapi.json. */

import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import type { InfoView, LoginAnswer, NodeView, UserView } from "../../protocol/mod.ts";
import type { AppParts } from "./parts.ts";
import { ColinkError } from "../error.ts";
import { sessionAccount, viewerAccount } from "./credentials.ts";
import type { AppEnv } from "./env.ts";
import { clearSession, refuseForgery, setSession } from "./session_cookie.ts";

/** By account. */
const ROTATIONS_PER_MINUTE = 10;

/** Nothing that the console sends is larger. */
const MAX_BODY_BYTES = 64 * 1024;

const User: z.ZodType<UserView> = z.object({
  id: z.string(),
  email: z.string(),
  role: z.enum(["user", "admin"]),
  api_token: z.string(),
  client_token: z.string(),
  total_api_calls: z.number(),
  total_provided_calls: z.number(),
  created_at: z.number(),
}).openapi("User");

const NodeShape: z.ZodType<NodeView> = z.object({
  id: z.string(),
  name: z.string(),
  max_parallel: z.number(),
  active_tasks: z.number(),
  supported_models: z.array(z.string()),
  state: z.enum(["ready", "busy", "probing", "penalized", "draining", "paused", "unapproved"]),
  penalties: z.array(z.object({
    model: z.string().nullable(),
    code: z.string(),
    reason: z.string(),
    until: z.number(),
  })),
  penalized: z.boolean(),
  penalty_reason: z.string().nullable(),
  penalized_until: z.number().nullable(),
  draining: z.boolean(),
  connected_at: z.number(),
  agent: z.string().nullable(),
  mine: z.boolean(),
}).openapi("Node");

const Info: z.ZodType<InfoView> = z.object({
  version: z.string(),
  registration: z.enum(["open", "invite", "closed"]),
  public_url: z.string().nullable(),
  nodes: z.number(),
  models: z.number(),
}).openapi("Info");

const Login: z.ZodType<LoginAnswer> = z.object({ token: z.string(), user: User }).openapi("Login");
const Message = z.object({ message: z.string() }).openapi("Message");
const Failure = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
}).openapi("Error");

const json = <T extends z.ZodType>(schema: T) => ({ content: { "application/json": { schema } } });
const answers = <T extends z.ZodType>(schema: T) => ({
  200: { description: "Done", ...json(schema) },
  default: { description: "An error, in the shape of all errors", ...json(Failure) },
});
const body = <T extends z.ZodType>(schema: T) => ({ body: { ...json(schema), required: true } });
const session = [{ session: [] }];

const Credentials = z.object({ email: z.string(), password: z.string() });

const routes = {
  register: createRoute({
    method: "post",
    path: "/auth/register",
    request: body(Credentials.extend({ invite: z.string().optional() })),
    responses: answers(Message),
  }),
  login: createRoute({
    method: "post",
    path: "/auth/login",
    request: body(Credentials),
    responses: answers(Login),
  }),
  logout: createRoute({ method: "post", path: "/auth/logout", responses: answers(Message) }),
  me: createRoute({
    method: "get",
    path: "/user/me",
    security: session,
    responses: answers(z.object({ user: User })),
  }),
  rotate: createRoute({
    method: "post",
    path: "/user/tokens/rotate",
    security: session,
    request: body(z.object({ kind: z.enum(["api", "client"]) })),
    responses: answers(z.object({ user: User })),
  }),
  nodes: createRoute({
    method: "get",
    path: "/nodes",
    responses: answers(z.object({ nodes: z.array(NodeShape) })),
  }),
  info: createRoute({ method: "get", path: "/info", responses: answers(Info) }),
};

/** All of `/api`, to be mounted there. */
export function consoleApi(parts: AppParts): OpenAPIHono<AppEnv> {
  const { accounts, hub, limiter, penalties, config, origin, version } = parts;
  const api = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.error);
    },
  });
  api.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }));

  api.openapi(routes.register, async (c) => {
    await accounts.register({ ...c.req.valid("json"), address: origin(c).address });
    return c.json({ message: "Account created: sign in to see your tokens" }, 200);
  });

  api.openapi(routes.login, async (c) => {
    const { address, isSecure } = origin(c);
    const answer = await accounts.login({ ...c.req.valid("json"), address });
    setSession(c, answer.token, isSecure || config.publicUrl?.startsWith("https:") === true);
    return c.json(answer, 200);
  });

  api.openapi(routes.logout, (c) => {
    refuseForgery(c);
    clearSession(c);
    return c.json({ message: "Signed out" }, 200);
  });

  api.openapi(routes.me, async (c) => {
    const accountId = await sessionAccount(c, accounts);
    return c.json({ user: await accounts.view(accountId) }, 200);
  });

  api.openapi(routes.rotate, async (c) => {
    const accountId = await sessionAccount(c, accounts);
    await expectSeldom(accountId);
    const kind = c.req.valid("json").kind === "api" ? "api" : "node";
    return c.json({ user: await accounts.rotate(accountId, kind) }, 200);
  });

  api.openapi(routes.nodes, async (c) => {
    const viewerId = await viewerAccount(c, accounts);
    const nodes = [...hub.nodes()].map((node) =>
      node.view(penalties.of(node.who.identity), viewerId)
    );
    return c.json({ nodes }, 200);
  });

  api.openapi(routes.info, (c) =>
    c.json({
      version,
      registration: config.registration,
      public_url: config.publicUrl,
      nodes: hub.size,
      models: hub.models().length,
    }, 200));

  /** Replaced tokens stay known as such: nobody may fill the database with them. */
  async function expectSeldom(accountId: string): Promise<void> {
    const { allowed, retryAfterMs } = await limiter.take(
      `rotate:${accountId}`,
      ROTATIONS_PER_MINUTE,
    );
    if (allowed) return;
    throw new ColinkError(
      "rate_limited",
      `Cannot replace the token: this was done ${ROTATIONS_PER_MINUTE} times within a minute; try again later`,
      { retryAfterMs },
    );
  }

  api.openAPIRegistry.registerComponent("securitySchemes", "session", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
  });
  api.doc31("/openapi.json", { openapi: "3.1.0", info: { title: "Co-Link console API", version } });
  return api;
}

/** Names every field that is wrong, not only the first. */
function invalid(error: z.core.$ZodError): ColinkError {
  const wrong = error.issues.map(({ path, message }) => `${path.join(".") || "body"}: ${message}`);
  return new ColinkError("invalid_request", `Cannot read the body: ${wrong.join("; ")}`, {
    param: error.issues[0]?.path.join(".") || undefined,
  });
}

function tooLarge(_c: unknown): never {
  throw new ColinkError("body_too_large", "Cannot read the body: it is larger than 64 KiB");
}
