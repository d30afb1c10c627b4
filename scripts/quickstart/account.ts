/** Quickstart's account: made once, its password kept in the data folder, readable by its owner only. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoginAnswer, UserView } from "../../api/mod.ts";

export interface Credentials {
  email: string;
  password: string;
}

/** Signs in with the kept credentials, making the account first where the gateway does not know it. */
export async function ensureAccount(
  url: string,
  dataDir: string,
): Promise<Credentials & { user: UserView }> {
  const credentials = keptCredentials(join(dataDir, "account.json"));
  const known = await post(`${url}/api/auth/login`, credentials);
  if (known.ok) return { ...credentials, user: (await known.json() as LoginAnswer).user };
  // Refused: this gateway does not know the account yet.
  if (known.status !== 401) throw await refusal("sign in", known, dataDir);
  const answer = await post(`${url}/api/auth/register`, credentials);
  if (!answer.ok) throw await refusal("make an account", answer, dataDir);
  return { ...credentials, user: (await answer.json() as LoginAnswer).user };
}

function keptCredentials(file: string): Credentials {
  if (!existsSync(file)) {
    const fresh = { email: "you@quickstart.local", password: randomPassword() };
    writeFileSync(file, JSON.stringify(fresh, null, 2) + "\n", { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, "utf8")) as Credentials;
}

function randomPassword(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString("base64url");
}

async function post(url: string, body: unknown): Promise<Response> {
  return await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function refusal(action: string, response: Response, dataDir: string): Promise<Error> {
  return new Error(
    `Cannot ${action}: the gateway answered ${response.status} ${await response.text()}; ` +
      `to start over, remove ${dataDir}`,
  );
}
