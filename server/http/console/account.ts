/** `/api/user`: an account's own tokens, password, address and budgets, and its end. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  AccountDeletion,
  BudgetUses,
  EmailChange,
  MessageView,
  PasswordChange,
  TokenRotation,
  UserView,
} from "../../../api/mod.ts";
import { ColinkError } from "../../base/error.ts";
import type { BudgetHolder } from "../usage_budgets.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { clearSession } from "../session_cookie.ts";
import { answers, body, session } from "./schema.ts";
import { audit, signedIn } from "./visitor.ts";

const routes = {
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
};

export function accountRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { accounts, deletion, usageBudgets, providerSignIn, config, origin } = parts;

  api.openapi(routes.me, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ user: await accounts.view(accountId) }, 200);
  });

  api.openapi(routes.rotate, async (c) => {
    const visitor = await signedIn(c, parts);
    // Replaced tokens stay in the database; the limit bounds how many an account can add.
    await parts.rates.take("tokens_replaced_per_account", visitor.accountId);
    const { kind } = c.req.valid("json");
    const user = await accounts.rotate(visitor.accountId, kind === "api" ? "api" : "node");
    await audit(c, parts, visitor, { action: "key.rotated", detail: { kind, default: true } });
    return c.json({ user }, 200);
  });

  api.openapi(routes.password, async (c) => {
    const visitor = await signedIn(c, parts);
    providerSignIn.expectPasswords();
    const { current_password: current, new_password: next } = c.req.valid("json");
    await accounts.changePassword(visitor, { current, next, address: origin(c).address });
    await audit(c, parts, visitor, { action: "password.changed" });
    return c.json({ message: "Password changed; every other session was ended" }, 200);
  });

  api.openapi(routes.email, async (c) => {
    const visitor = await signedIn(c, parts);
    // Refusals say which addresses have an account.
    await parts.rates.take("email_changes_per_account", visitor.accountId);
    const { email: wanted, password } = c.req.valid("json");
    await accounts.confirmOwner(visitor, { password, address: origin(c).address });
    if (await providerSignIn.isLinked(visitor.accountId)) {
      throw new ColinkError(
        "invalid_request",
        `Cannot change the e-mail address here: it is that of ${providerSignIn.label}; change it there`,
        { param: "email", problem: { code: "set_by_provider" } },
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
    clearSession(c, config);
    return c.json({ message: "Account deleted" }, 200);
  });

  api.openapi(routes.budgets, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ budgets: await usageBudgets.uses(await budgetsOf(accountId, parts)) }, 200);
  });
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
