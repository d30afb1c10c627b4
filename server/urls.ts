/** The URLs at which people reach this gateway. */

import { advertisedUrl, type Interfaces } from "./cluster/address.ts";
import { type Config, speaksTls } from "./base/config.ts";
import type { Store } from "./store/store.ts";

/** For a browser on this machine. */
export function reachableUrl(host: string, port: number, scheme = "http"): string {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** The console's URLs: the configured one, or else one for this machine and one for others. */
export function consoleUrls(
  config: Pick<Config, "publicUrl" | "host" | "basePath" | "domains" | "tlsCert">,
  port: number,
  interfaces?: Interfaces,
): string[] {
  const { publicUrl, host, basePath } = config;
  if (publicUrl !== null) return [publicUrl];
  const outside = advertisedUrl({ advertiseUrl: null, host }, port, false, interfaces);
  const urls = new Set([reachableUrl(host, port), outside]);
  return [...urls].map((url) =>
    url.replace(/^http/, speaksTls(config) ? "https" : "http") + basePath
  );
}

const REMEMBERED = "console addresses";

/** Keeps the addresses for commands beside the gateway, which do not know at which port it listens. */
export async function rememberUrls(store: Pick<Store, "sharedItems">, urls: readonly string[]) {
  const value = JSON.stringify(urls);
  await store.sharedItems.put({ name: REMEMBERED, value, expiresAt: Number.MAX_SAFE_INTEGER });
}

/** The addresses of the gateway that was started last, or those of the configuration. */
export async function rememberedUrls(
  store: Pick<Store, "sharedItems">,
  config: Config,
): Promise<string[]> {
  const known = await store.sharedItems.find(REMEMBERED, 0);
  const isKnown = known !== null && config.publicUrl === null;
  return isKnown ? JSON.parse(known) as string[] : consoleUrls(config, config.port);
}

/** The code follows the #: browsers do not send that part, so that it stays out of the logs of servers and proxies. */
export function setupLink(url: string, code: string): string {
  return `${url}/setup#${code}`;
}

/** Where a new password can be set with a reset's code, which stays out of logs as a setup code does. */
export function resetLink(url: string, code: string): string {
  return `${url}/reset#${code}`;
}

/** Where one account can be made with an invite's code. */
export function inviteLink(url: string, code: string): string {
  return `${url}/register?invite=${encodeURIComponent(code)}`;
}
