/** Where people reach this gateway, as far as it can tell by itself. */

import { advertisedUrl, type Interfaces } from "./cluster/address.ts";
import type { Config } from "./base/config.ts";

/** An address that can be typed into a browser on this machine. */
export function reachableUrl(host: string, port: number): string {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** Where a browser finds the console: at the operator's own address; else on this machine, and from others. */
export function consoleUrls(
  { publicUrl, host }: Pick<Config, "publicUrl" | "host">,
  port: number,
  interfaces?: Interfaces,
): string[] {
  if (publicUrl !== null) return [publicUrl];
  const outside = advertisedUrl({ advertiseUrl: null, host }, port, false, interfaces);
  return [...new Set([reachableUrl(host, port), outside])];
}

/** The code stands behind the #: browsers keep that from servers and proxies, and from their logs. */
export function setupLink(url: string, code: string): string {
  return `${url}/setup#${code}`;
}
