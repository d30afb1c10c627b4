/** An account on a gateway, made and signed in through its API as a person would. */

import type { LoginAnswer, UserView } from "../../protocol/api.ts";

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

/** Registers a new account (random e-mail unless given) and signs in. */
export async function createAccount(
  gateway: { url: string },
  email = `${crypto.randomUUID().slice(0, 8)}@example.com`,
  password = "correct horse battery",
): Promise<Account> {
  await post(`${gateway.url}/api/auth/register`, { email, password });
  return await signIn(gateway, email, password);
}

export async function signIn(
  gateway: { url: string },
  email: string,
  password: string,
): Promise<Account> {
  const { token, user } = await post<LoginAnswer>(`${gateway.url}/api/auth/login`, {
    email,
    password,
  });
  const { api_token: apiToken, client_token: clientToken } = user;
  return { email, password, jwt: token, apiToken, clientToken, user };
}

async function post<T>(url: string, body: unknown): Promise<T> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
  return await response.json() as T;
}
