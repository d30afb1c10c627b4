/** Where the other gateways reach this one. */

import { networkInterfaces } from "node:os";

/** Where gateways dial each other. */
export const PEER_PATH = "/cluster";

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Lists the addresses of a machine. */
export type Interfaces = typeof networkInterfaces;

/**
 * The address that the operator gave, with this gateway's own port if it has one (`hasOwnPort`).
 * Without it, the address that is listened on, or for a wildcard the machine's first external IPv4
 * address.
 */
export function advertisedUrl(
  { advertiseUrl, host }: { advertiseUrl: string | null; host: string },
  port: number,
  hasOwnPort = false,
  interfaces: Interfaces = networkInterfaces,
): string {
  if (advertiseUrl !== null) {
    const url = new URL(advertiseUrl);
    if (hasOwnPort) url.port = String(port);
    return url.href.replace(/\/+$/, "");
  }
  const name = WILDCARDS.has(host) ? firstExternal(interfaces) : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function firstExternal(interfaces: Interfaces): string {
  const all = Object.values(interfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}
