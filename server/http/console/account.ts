/** Registering, signing in and out, and what is an account's own: its tokens, password and sessions. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type {
  FirstAdmin,
  InfoView,
  LoginAnswer,
  PasswordChange,
  SessionsEnded,
  SessionView,
  UserView,
} from "../../../api/mod.ts";
import { ColinkError } from "../../base/error.ts";
import { shownSession } from "../credentials.ts";
import type { AppContext, AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { clearSession, setSession } from "../session_cookie.ts";
import { isCutOff } from "../health.ts";
import { answers, body, idParam, Message, session } from "./schema.ts";
import { audit, expectSeldom, signedIn } from "./visitor.ts";

/** By account. */
const ROTATIONS_PER_MINUTE = 10;

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

const registration = z.enum(["open", "invite", "closed"]);

const Info: z.ZodType<InfoView> = z.object({
  version: z.string(),
  registration,
  public_url: z.string().nullable(),
  nodes: z.number(),
  models: z.number(),
  setup: z.boolean(),
  cut_off: z.boolean(),
}).openapi("Info");

const Login: z.ZodType<LoginAnswer> = z.object({ token: z.string(), user: User }).openapi("Login");

const Session: z.ZodType<SessionView> = z.object({
  id: z.string(),
  created_at: z.number(),
  last_seen_at: z.number(),
  expires_at: z.number(),
  address: z.string(),
  user_agent: z.string().nullable(),
  current: z.boolean(),
}).openapi("Session");

const Ended: z.ZodType<SessionsEnded> = z.object({ ended: z.number() }).openapi("SessionsEnded");

const Credentials = z.object({ email: z.string(), password: z.string() });
const First: z.ZodType<FirstAdmin> = Credentials.extend({
  code: z.string(),
  registration: registration.optional(),
}).openapi("FirstAdmin");

const NewPassword: z.ZodType<PasswordChange> = z.object({
  current_password: z.string(),
  new_password: z.string(),
}).openapi("PasswordChange");

const routes = {
  setup: createRoute({
    method: "post",
    path: "/setup",
    request: body(First),
    responses: answers(Login),
  }),
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
  password: createRoute({
    method: "post",
    path: "/user/password",
    security: session,
    request: body(NewPassword),
    responses: answers(Message),
  }),
  sessions: createRoute({
    method: "get",
    path: "/user/sessions",
    security: session,
    responses: answers(z.object({ sessions: z.array(Session) })),
  }),
  endSession: createRoute({
    method: "delete",
    path: "/user/sessions/{id}",
    security: session,
    request: idParam,
    responses: answers(Message),
  }),
  endSessions: createRoute({
    method: "delete",
    path: "/user/sessions",
    security: session,
    responses: answers(Ended),
  }),
  info: createRoute({ method: "get", path: "/info", responses: answers(Info) }),
};

export function accountRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { accounts, setup, sessions, settings, hub, config, origin, version, cluster } = parts;

  const signIn = async (c: AppContext, form: { email: string; password: string }) => {
    const { address, isSecure } = origin(c);
    const userAgent = c.req.header("user-agent") ?? null;
    const answer = await accounts.login({ ...form, address, userAgent });
    const { id: accountId, email } = answer.user;
    await audit(c, parts, { accountId, email }, { action: "session.started" });
    setSession(c, answer.token, isSecure || config.publicUrl?.startsWith("https:") === true);
    return answer;
  };

  api.openapi(routes.setup, async (c) => {
    const { code, registration, ...form } = c.req.valid("json");
    const { id: accountId, email } = await setup.claim(code, form);
    const admin = { accountId, email };
    await audit(c, parts, admin, { action: "account.registered", detail: { role: "admin" } });
    if (registration !== undefined) {
      await settings.change({ registration });
      await audit(c, parts, admin, { action: "settings.changed", detail: { registration } });
    }
    return c.json(await signIn(c, form), 200);
  });

  api.openapi(routes.register, async (c) => {
    const { id, email } = await accounts.register({
      ...c.req.valid("json"),
      address: origin(c).address,
    });
    await audit(c, parts, { accountId: id, email }, { action: "account.registered" });
    return c.json({ message: "Account created: sign in to see your tokens" }, 200);
  });

  api.openapi(
    routes.login,
    async (c) => c.json(await signIn(c, c.req.valid("json")), 200),
  );

  api.openapi(routes.logout, async (c) => {
    const token = shownSession(c);
    const visitor = token === undefined ? null : await sessions.endOf(token);
    if (visitor !== null) await audit(c, parts, visitor, { action: "session.ended" });
    clearSession(c);
    return c.json({ message: "Signed out" }, 200);
  });

  api.openapi(routes.me, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ user: await accounts.view(accountId) }, 200);
  });

  api.openapi(routes.rotate, async (c) => {
    const visitor = await signedIn(c, parts);
    // Replaced tokens stay known as such: nobody may fill the database with them.
    await expectSeldom(parts, "rotate", visitor.accountId, ROTATIONS_PER_MINUTE);
    const { kind } = c.req.valid("json");
    const user = await accounts.rotate(visitor.accountId, kind === "api" ? "api" : "node");
    await audit(c, parts, visitor, { action: "key.rotated", detail: { kind, default: true } });
    return c.json({ user }, 200);
  });

  api.openapi(routes.password, async (c) => {
    const visitor = await signedIn(c, parts);
    const { current_password: current, new_password: next } = c.req.valid("json");
    await accounts.changePassword(visitor, { current, next, address: origin(c).address });
    await audit(c, parts, visitor, { action: "password.changed" });
    return c.json({ message: "Password changed; every other session was ended" }, 200);
  });

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
    const ended = await sessions.endOthers(visitor.accountId, visitor.sessionId);
    await audit(c, parts, visitor, { action: "session.ended", detail: { ended } });
    return c.json({ ended }, 200);
  });

  api.openapi(routes.info, async (c) =>
    c.json({
      version,
      registration: settings.values.registration,
      public_url: config.publicUrl,
      nodes: hub.size,
      models: hub.models().length,
      setup: await setup.isOpen().catch(asClosed),
      cut_off: cluster !== null && isCutOff(cluster.view()),
    }, 200));
}

/** Whoever asks how the gateway is need not wait for its database. */
function asClosed(error: unknown): false {
  if (error instanceof ColinkError && error.code === "store_unavailable") return false;
  throw error;
}
