/** The URLs at which people reach this gateway. */

import { advertisedUrl, type Interfaces } from "./cluster/address.ts";
import type { Config } from "./base/config.ts";

/** For a browser on this machine. */
export function reachableUrl(host: string, port: number, scheme = "http"): string {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** The console's URLs: the configured one, or else one for this machine and one for others. */
export function consoleUrls(
  { publicUrl, host, basePath }: Pick<Config, "publicUrl" | "host" | "basePath">,
  port: number,
  interfaces?: Interfaces,
): string[] {
  if (publicUrl !== null) return [publicUrl];
  const outside = advertisedUrl({ advertiseUrl: null, host }, port, false, interfaces);
  return [...new Set([reachableUrl(host, port), outside])].map((url) => url + basePath);
}

/** The code follows the #: browsers do not send that part, so that it stays out of the logs of servers and proxies. */
export function setupLink(url: string, code: string): string {
  return `${url}/setup#${code}`;
}
