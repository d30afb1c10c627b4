/** `/api/setup`, `/api/auth`, `/api/user`, `/api/info`: signing up and in, and an account's own tokens, password and sessions. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  AccountDeletion,
  BudgetUses,
  Credentials,
  EmailChange,
  FirstAdmin,
  InfoView,
  LoginAnswer,
  MessageView,
  PasswordChange,
  PasswordReset,
  PasswordResetDone,
  Registration,
  SessionsEnded,
  SessionsToEnd,
  SessionView,
  SignOutAnswer,
  TokenRotation,
  UserView,
} from "../../../api/mod.ts";
import type { Visitor } from "../../account/session_book.ts";
import { defined } from "../../base/defined.ts";
import { ColinkError } from "../../base/error.ts";
import type { BudgetHolder } from "../usage_budgets.ts";
import { sessionToken } from "../credentials.ts";
import type { AppContext, AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { clearSession, sessionPath, setSession } from "../session_cookie.ts";
import { gatewayUrl } from "../gateway_url.ts";
import { isCutOff } from "../health.ts";
import { answers, body, idParam, session } from "./schema.ts";
import { audit, limitRate, signedIn } from "./visitor.ts";

/** Per account. */
const ROTATIONS_PER_MINUTE = 10;
const EMAIL_CHANGES_PER_MINUTE = 10;

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
    description: "`{email, password, invite?}`: creates an account",
    request: body(Registration),
    responses: answers(MessageView),
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
  me: createRoute({
    method: "get",
    path: "/user/me",
    description: "`{user}` with the account's own two tokens",
    security: session,
    responses: answers(z.object({ user: UserView })),
  }),
  rotate: createRoute({
    method: "post",
    path: "/user/tokens/rotate",
    description: "`{kind}`: replaces one of the account's own two tokens",
    security: session,
    request: body(TokenRotation),
    responses: answers(z.object({ user: UserView })),
  }),
  password: createRoute({
    method: "post",
    path: "/user/password",
    description: "`{current_password, new_password}`; ends all other sessions",
    security: session,
    request: body(PasswordChange),
    responses: answers(MessageView),
  }),
  email: createRoute({
    method: "post",
    path: "/user/email",
    description: "`{email, password?}` → `{user}`: changes the address to sign in with",
    security: session,
    request: body(EmailChange),
    responses: answers(z.object({ user: UserView })),
  }),
  deleteAccount: createRoute({
    method: "post",
    path: "/user/delete",
    description:
      "`{password?}`: deletes the account with its keys, sessions, node tokens, memberships and aliases; its calls stay on record without a name",
    security: session,
    request: body(AccountDeletion),
    responses: answers(MessageView),
  }),
  budgets: createRoute({
    method: "get",
    path: "/user/budgets",
    description:
      "`{budgets}` of the account, its groups and its keys: what is used, what is left, when it opens again",
    security: session,
    responses: answers(BudgetUses),
  }),
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
  info: createRoute({
    method: "get",
    path: "/info",
    description:
      "Version, registration mode, numbers of nodes and models, whether the first administrator is still to be made, and whether other gateways are out of reach",
    responses: answers(InfoView),
  }),
};

export function accountRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const {
    accounts,
    setup,
    deletion,
    usageBudgets,
    passwordResets,
    providerSignIn,
    sessions,
    settings,
    hub,
    config,
    origin,
    version,
    cluster,
  } = parts;
  const cookiePath = sessionPath(config);
  const expectPasswords = () => {
    if (!providerSignIn.isOnly) return;
    throw new ColinkError(
      "passwords_off",
      `Cannot use a password here (COLINK_OIDC_ONLY): sign in with ${providerSignIn.label}`,
    );
  };

  /** Where the browser signs out at the provider, too, if its session began there. */
  const signOutOnwards = async (c: AppContext, { isOfProvider, accountId }: Visitor) => {
    if (!isOfProvider) return {};
    const url = await providerSignIn.signOutUrl(accountId, `${gatewayUrl(c, parts)}/login`);
    return url === null ? {} : { sign_out_url: url.href };
  };

  const signIn = async (c: AppContext, form: { email: string; password: string }) => {
    const { address, isSecure } = origin(c);
    const userAgent = c.req.header("user-agent") ?? null;
    const answer = await accounts.login({ ...form, address, userAgent });
    const { id: accountId, email } = answer.user;
    await audit(c, parts, { accountId, email }, { action: "session.started" });
    setSession(c, answer.token, {
      isSecure: isSecure || config.publicUrl?.startsWith("https:") === true,
      path: cookiePath,
    });
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
    expectPasswords();
    const { invite, ...credentials } = c.req.valid("json");
    const { id, email } = await accounts.register({
      ...credentials,
      ...defined({ invite }),
      address: origin(c).address,
    });
    await audit(c, parts, { accountId: id, email }, { action: "account.registered" });
    return c.json({ message: "Account created: sign in to see your tokens" }, 200);
  });

  api.openapi(
    routes.login,
    async (c) => {
      expectPasswords();
      return c.json(await signIn(c, c.req.valid("json")), 200);
    },
  );

  api.openapi(routes.logout, async (c) => {
    const token = sessionToken(c);
    const visitor = token === undefined ? null : await sessions.endOf(token);
    if (visitor !== null) await audit(c, parts, visitor, { action: "session.ended" });
    clearSession(c, cookiePath);
    const onwards = visitor === null ? {} : await signOutOnwards(c, visitor);
    return c.json({ message: "Signed out", ...onwards }, 200);
  });

  api.openapi(routes.resetPassword, async (c) => {
    expectPasswords();
    const { code, new_password: password } = c.req.valid("json");
    const { address } = origin(c);
    const { email, ...account } = await passwordResets.use({ code, password, address });
    await audit(c, parts, { ...account, email }, { action: "password.reset" });
    return c.json({ email }, 200);
  });

  api.openapi(routes.me, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ user: await accounts.view(accountId) }, 200);
  });

  api.openapi(routes.rotate, async (c) => {
    const visitor = await signedIn(c, parts);
    // Replaced tokens stay in the database; the limit bounds how many an account can add.
    await limitRate(parts, "rotate", visitor.accountId, ROTATIONS_PER_MINUTE);
    const { kind } = c.req.valid("json");
    const user = await accounts.rotate(visitor.accountId, kind === "api" ? "api" : "node");
    await audit(c, parts, visitor, { action: "key.rotated", detail: { kind, default: true } });
    return c.json({ user }, 200);
  });

  api.openapi(routes.password, async (c) => {
    const visitor = await signedIn(c, parts);
    expectPasswords();
    const { current_password: current, new_password: next } = c.req.valid("json");
    await accounts.changePassword(visitor, { current, next, address: origin(c).address });
    await audit(c, parts, visitor, { action: "password.changed" });
    return c.json({ message: "Password changed; every other session was ended" }, 200);
  });

  api.openapi(routes.email, async (c) => {
    const visitor = await signedIn(c, parts);
    // Refusals say which addresses have an account.
    await limitRate(parts, "email", visitor.accountId, EMAIL_CHANGES_PER_MINUTE);
    const { email: wanted, password } = c.req.valid("json");
    await accounts.confirmOwner(visitor, { password, address: origin(c).address });
    if (await providerSignIn.isLinked(visitor.accountId)) {
      throw new ColinkError(
        "invalid_request",
        `Cannot change the e-mail address here: it is that of ${providerSignIn.label}; change it there`,
        { param: "email" },
      );
    }
    const email = await accounts.changeEmail(visitor.accountId, wanted);
    await audit(c, parts, visitor, { action: "user.email_changed", target: email });
    return c.json({ user: await accounts.view(visitor.accountId) }, 200);
  });

  api.openapi(routes.deleteAccount, async (c) => {
    const visitor = await signedIn(c, parts);
    const { password } = c.req.valid("json");
    await accounts.confirmOwner(visitor, { password, address: origin(c).address });
    const target = await deletion.run(visitor.accountId);
    await audit(c, parts, visitor, { action: "user.deleted", target });
    clearSession(c, cookiePath);
    return c.json({ message: "Account deleted" }, 200);
  });

  api.openapi(routes.budgets, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ budgets: await usageBudgets.uses(await budgetsOf(accountId, parts)) }, 200);
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
    const isAll = c.req.valid("query").all === "true";
    const ended = await sessions.endOthers(visitor.accountId, isAll ? null : visitor.sessionId);
    await audit(c, parts, visitor, { action: "session.ended", detail: { ended } });
    if (isAll) clearSession(c, cookiePath);
    return c.json({ ended, ...(isAll ? await signOutOnwards(c, visitor) : {}) }, 200);
  });

  api.openapi(routes.info, async (c) =>
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

/** The budgets that calls of the account count against. */
async function budgetsOf(
  accountId: string,
  { store, groups }: Pick<AppParts, "store" | "groups">,
): Promise<BudgetHolder[]> {
  const [account, keys] = await Promise.all([
    store.accountById(accountId),
    store.keys.ofAccount(accountId),
  ]);
  const own = account?.budget ?? null;
  const holders: BudgetHolder[] = own === null
    ? []
    : [{ of: "account", id: accountId, shownId: accountId, name: null, budget: own }];
  for (const { id, name, budget } of groups.budgetsOf(accountId) ?? []) {
    if (budget !== null) holders.push({ of: "group", id, shownId: id, name, budget });
  }
  for (const { id, family, name, budget, kind, replacedBy } of keys) {
    // A key and the one that replaced it share their budget.
    if (budget === null || kind !== "api" || replacedBy !== null) continue;
    holders.push({ of: "key", id: family, shownId: id, name, budget });
  }
  return holders;
}

/** `/api/info` answers while the database is away. */
function asClosed(error: unknown): false {
  if (error instanceof ColinkError && error.code === "store_unavailable") return false;
  throw error;
}
