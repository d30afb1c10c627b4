/** `/api/setup`, `/api/auth`: the first administrator, signing up, in and out, and a new password by a link. */

import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import {
  Credentials,
  FirstAdmin,
  LoginAnswer,
  PasswordReset,
  PasswordResetDone,
  Registration,
  RegistrationAnswer,
  SignOutAnswer,
} from "../../../api/mod.ts";
import { defined } from "../../base/defined.ts";
import { sessionToken } from "../credentials.ts";
import type { AppContext, AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { clearSession, setSession } from "../session_cookie.ts";
import { answers, body } from "./schema.ts";
import { providerSignOut } from "./provider.ts";
import { audit } from "./visitor.ts";

const routes = {
  setup: createRoute({
    method: "post",
    path: "/setup",
    description:
      "`{code, email, password, registration?}` → `{token, user}` and the cookie: makes the first administrator, with the code of the setup link; 404 once there is one",
    request: body(FirstAdmin),
    responses: answers(LoginAnswer),
  }),
  register: createRoute({
    method: "post",
    path: "/auth/register",
    description:
      "`{email, password, invite?}` → `{token, user}` and the cookie: creates an account and signs in",
    request: body(Registration),
    responses: answers(RegistrationAnswer),
  }),
  login: createRoute({
    method: "post",
    path: "/auth/login",
    description: "`{email, password}` → `{token, user}` and the cookie",
    request: body(Credentials),
    responses: answers(LoginAnswer),
  }),
  logout: createRoute({
    method: "post",
    path: "/auth/logout",
    description:
      "Ends the session that the request names, if it is one; `sign_out_url`, where it began with the sign-in provider, ends that one's too",
    responses: answers(SignOutAnswer),
  }),
  resetPassword: createRoute({
    method: "post",
    path: "/auth/reset",
    description:
      "`{code, new_password}` → `{email}`: sets a password with the code of a link, which works once, and ends the account's sessions",
    request: body(PasswordReset),
    responses: answers(PasswordResetDone),
  }),
};

export function signInRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { accounts, setup, passwordResets, providerSignIn, sessions, settings, config, origin } =
    parts;

  const signIn = async (c: AppContext, form: { email: string; password: string }) => {
    const userAgent = c.req.header("user-agent") ?? null;
    const answer = await accounts.login({ ...form, address: origin(c).address, userAgent });
    await started(c, answer);
    return answer;
  };
  const started = async (c: AppContext, answer: LoginAnswer) => {
    await audit(c, parts, accountOf(answer), { action: "session.started" });
    setSession(c, answer.token, parts);
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
    providerSignIn.expectPasswords();
    const { invite, ...credentials } = c.req.valid("json");
    const answer = await accounts.register({
      ...credentials,
      ...defined({ invite }),
      address: origin(c).address,
      userAgent: c.req.header("user-agent") ?? null,
    });
    await audit(c, parts, accountOf(answer), { action: "account.registered" });
    await started(c, answer);
    return c.json({ message: "Account created: you are signed in", ...answer }, 200);
  });

  api.openapi(routes.login, async (c) => {
    providerSignIn.expectPasswords();
    return c.json(await signIn(c, c.req.valid("json")), 200);
  });

  api.openapi(routes.logout, async (c) => {
    const token = sessionToken(c);
    const visitor = token === undefined ? null : await sessions.endOf(token);
    if (visitor !== null) await audit(c, parts, visitor, { action: "session.ended" });
    clearSession(c, config);
    const onwards = visitor === null ? {} : await providerSignOut(c, parts, visitor);
    return c.json({ message: "Signed out", ...onwards }, 200);
  });

  api.openapi(routes.resetPassword, async (c) => {
    providerSignIn.expectPasswords();
    const { code, new_password: password } = c.req.valid("json");
    const { address } = origin(c);
    const { email, ...account } = await passwordResets.use({ code, password, address });
    await audit(c, parts, { ...account, email }, { action: "password.reset" });
    return c.json({ email }, 200);
  });
}

function accountOf({ user: { id, email } }: LoginAnswer) {
  return { accountId: id, email };
}
