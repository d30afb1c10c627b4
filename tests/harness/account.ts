/** An account on a gateway, made and signed in through its API as a person would. */

import type { ErrorView, LoginAnswer, UserView } from "../../api/mod.ts";
import { type Answer, ask } from "./api.ts";

export interface Account {
  email: string;
  password: string;
  /** The session's JWT. */
  jwt: string;
  /** `sk-colink-…` */
  apiToken: string;
  /** `client-…` */
  clientToken: string;
  user: UserView;
}

/** One try to make an account; `more` goes along in the body. */
export function register(
  gateway: { url: string },
  email: string,
  password: string,
  more: Record<string, unknown> = {},
): Promise<Answer<LoginAnswer & ErrorView>> {
  return ask(`${gateway.url}/api/auth/register`, asJson({ email, password, ...more }));
}

/** The code in what `server admin invite` prints, which are links. */
export function inviteCodeIn(output: string): string {
  return /invite=(invite-\w+)/.exec(output)?.[1] ?? "";
}

/** One try to sign in. */
export function login(
  gateway: { url: string },
  email: string,
  password: string,
  headers: Record<string, string> = {},
): Promise<Answer<LoginAnswer & ErrorView>> {
  return ask(`${gateway.url}/api/auth/login`, asJson({ email, password }, headers));
}

/** Replaces one of the account's tokens; the answer knows the new one. */
export async function rotateToken(
  gateway: { url: string },
  account: Account,
  kind: "api" | "client",
): Promise<Account> {
  const { json: { user } } = done(
    await ask<{ user: UserView }>(`${gateway.url}/api/user/tokens/rotate`, {
      ...asJson({ kind }),
      token: account.jwt,
    }),
  );
  return { ...account, ...tokensOf(user), user };
}

/** By the gateway's address, the session that was begun last. */
const sessions = new Map<string, string>();

/** A session at the gateway, for what is shown to people as it is now; undefined: none was begun. */
export function someSession(gateway: { url: string }): string | undefined {
  return sessions.get(gateway.url);
}

/** Registers a new account (random e-mail unless given) and signs in. */
export async function createAccount(
  gateway: { url: string },
  email = `${crypto.randomUUID().slice(0, 8)}@example.com`,
  password = "correct horse battery",
): Promise<Account> {
  return signedIn(gateway, email, password, done(await register(gateway, email, password)).json);
}

export async function signIn(
  gateway: { url: string },
  email: string,
  password: string,
): Promise<Account> {
  return signedIn(gateway, email, password, done(await login(gateway, email, password)).json);
}

function signedIn(
  gateway: { url: string },
  email: string,
  password: string,
  { token, user }: LoginAnswer,
): Account {
  sessions.set(gateway.url, token);
  return { email, password, jwt: token, ...tokensOf(user), user };
}

function tokensOf({ api_token, client_token }: UserView) {
  return { apiToken: api_token, clientToken: client_token };
}

function asJson(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

/** The answer, unless it is a refusal. */
function done<T>(answer: Answer<T>): Answer<T> {
  if (answer.status !== 200) throw new Error(`Refused with ${answer.status}: ${answer.text}`);
  return answer;
}
