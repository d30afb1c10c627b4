/** `/api/auth/oidc`: signing in with the operator's provider, which browsers come to by links and redirects. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { ColinkError } from "../../base/error.ts";
import type { Visitor } from "../../account/session_book.ts";
import { ATTEMPT_MS } from "../../account/oidc/provider_sign_in.ts";
import { sessionOf } from "../credentials.ts";
import type { AppContext, AppEnv } from "../env.ts";
import { gatewayUrl, isReachedByHttps } from "../gateway_url.ts";
import type { AppParts } from "../parts.ts";
import { setSession } from "../session_cookie.ts";
import { audit } from "./visitor.ts";

const CALLBACK = "/api/auth/oidc/callback";

const MAX_NEXT_CHARS = 1000;

const redirect = {
  302: {
    description: "On to the provider, back to the console, or to its sign-in page with `error`",
  },
};

const routes = {
  start: createRoute({
    method: "get",
    path: "/auth/oidc/start",
    description:
      "Sends the browser to the sign-in provider. `next`: the console's page to return to; `invite`: the code of an invite; `link=1`: links the account that is signed in",
    request: {
      query: z.object({
        next: z.string().max(MAX_NEXT_CHARS).optional(),
        invite: z.string().max(200).optional(),
        link: z.literal("1").optional(),
      }),
    },
    responses: redirect,
  }),
  callback: createRoute({
    method: "get",
    path: "/auth/oidc/callback",
    description: "Where the sign-in provider sends the browser back to; sets the cookie",
    responses: redirect,
  }),
  logout: createRoute({
    method: "post",
    path: "/auth/oidc/backchannel-logout",
    description:
      "For the sign-in provider: `logout_token`, as a form, ends the sessions that it names",
    request: {
      body: {
        content: {
          "application/x-www-form-urlencoded": {
            schema: z.object({ logout_token: z.string().max(16_384) }),
          },
        },
        required: true,
      },
    },
    responses: { 200: { description: "Done" } },
  }),
};

export function providerRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { config, origin, providerSignIn, accounts, rates } = parts;

  api.openapi(routes.start, async (c) => {
    const { next, invite = null, link } = c.req.valid("query");
    const backTo = consolePath(next, config.basePath);
    return await orToSignInPage(c, backTo, async () => {
      const visitor = link === undefined ? null : await sessionOf(c, accounts);
      if (link !== undefined && visitor === null) {
        throw new ColinkError("session_required", "Cannot link your account: sign in first");
      }
      const { url, state, cookie } = await providerSignIn.begin({
        redirectUri: gatewayUrl(c, parts) + CALLBACK,
        next: backTo,
        invite,
        linkTo: visitor?.accountId ?? null,
      }, origin(c).address);
      setCookie(c, cookieName(state), cookie, {
        // The way back comes from another site.
        sameSite: "Lax",
        httpOnly: true,
        secure: isReachedByHttps(c, parts),
        path: config.basePath + CALLBACK,
        maxAge: ATTEMPT_MS / 1000,
      });
      return url.href;
    });
  });

  api.openapi(routes.callback, async (c) => {
    const name = cookieName(c.req.query("state") ?? "");
    const cookie = getCookie(c, name);
    if (cookie !== undefined) deleteCookie(c, name, { path: config.basePath + CALLBACK });
    return await orToSignInPage(c, consolePath(undefined, config.basePath), async () => {
      const from = { address: origin(c).address, userAgent: c.req.header("user-agent") ?? null };
      const query = new URL(c.req.url).search;
      const { token, next, how, ...account } = await providerSignIn.finish(query, cookie, from);
      if (how !== "known") {
        const action = how === "created" ? "account.registered" : "account.linked";
        await audit(c, parts, account, { action, detail: { provider: true, how } });
      }
      await audit(c, parts, account, { action: "session.started", detail: { provider: true } });
      setSession(c, token, parts);
      return next;
    });
  });

  api.openapi(routes.logout, async (c) => {
    const { address } = origin(c);
    await rates.take("logout_tokens_per_network", address);
    for (const target of await providerSignIn.signedOut(c.req.valid("form").logout_token)) {
      const detail = { by: "sign-in provider" };
      const actor = { accountId: null, email: null, address };
      await parts.audit.write(actor, { action: "session.ended", target, detail });
    }
    return c.body(null, 200);
  });

  /** Redirects to what the work resolves with, or, where it fails, to the page that says why. */
  async function orToSignInPage(c: AppContext, next: string, work: () => Promise<string>) {
    try {
      return c.redirect(await work(), 302);
    } catch (error) {
      if (!(error instanceof ColinkError) || parts.console === null) throw error;
      const query = new URLSearchParams({ error: error.code, next });
      return c.redirect(`${config.basePath}/login?${query}`, 302);
    }
  }
}

/** Where the browser signs out at the provider, too, if the ended session began there. */
export async function providerSignOut(
  c: AppContext,
  parts: AppParts,
  { isOfProvider, accountId }: Visitor,
): Promise<{ sign_out_url?: string }> {
  if (!isOfProvider) return {};
  const back = `${gatewayUrl(c, parts)}/login`;
  const url = await parts.providerSignIn.signOutUrl(accountId, back);
  return url === null ? {} : { sign_out_url: url.href };
}

/** Attempts in several tabs do not disturb each other. */
function cookieName(state: string): string {
  return `colink_oidc_${state.replaceAll(/[^A-Za-z0-9_-]/g, "").slice(0, 16)}`;
}

/** A path of the console: a stranger can write a link to the sign-in, and must not choose another site by it. */
function consolePath(next: string | undefined, base: string): string {
  const isPath = next !== undefined && /^\/(?![/\\])[^\\\s]*$/.test(next) &&
    (next === base || next.startsWith(`${base}/`)) && !next.startsWith(`${base}/api/`);
  return isPath && URL.parse(next, "http://here")?.host === "here" ? next : `${base}/dashboard`;
}
