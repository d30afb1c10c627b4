/** Where the other gateways reach this one. */

import { networkInterfaces } from "node:os";

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Tells the addresses of a machine. */
export type Interfaces = typeof networkInterfaces;

/**
 * The address that the operator gave, with this gateway's own port where that is another
 * (`hasOwnPort`); else the one that is listened on; else, where that is any, the first IPv4 address
 * of this machine that others can see.
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
  const name = WILDCARDS.has(host) ? firstOutside(interfaces) : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function firstOutside(interfaces: Interfaces): string {
  const all = Object.values(interfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}
