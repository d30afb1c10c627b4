/** Where a request comes from. Only the proxies that the operator named are trusted. */

import { BlockList, isIPv6 } from "node:net";
import type { AppContext } from "./env.ts";

export interface Origin {
  /** The caller's IP address. */
  address: string;
  /** Whether the caller's own connection is encrypted. */
  isSecure: boolean;
}

/** Returns a function that finds a request's origin. `trustedProxies`: CIDRs or addresses, already checked. */
export function originReader(trustedProxies: readonly string[]): (c: AppContext) => Origin {
  const trusted = blockList(trustedProxies);
  const isTrusted = (ip: string) => trusted.check(ip, isIPv6(ip) ? "ipv6" : "ipv4");
  // Kept for each request: when its caller has hung up, the server no longer knows the address.
  const known = new WeakMap<object, Origin>();
  const read = (c: AppContext): Origin => {
    const peer = plain(c.env.server.requestIP(c.req.raw)?.address ?? "unknown");
    if (peer === "unknown" || !isTrusted(peer)) {
      return { address: peer, isSecure: c.req.url.startsWith("https:") };
    }
    // From the right: trusted proxies append; what was there before them may be made up.
    const hops = (c.req.header("x-forwarded-for") ?? "").split(",").map((hop) => plain(hop.trim()));
    const address = hops.reverse().find((hop) => hop !== "" && !isTrusted(hop)) ?? peer;
    // Of a chain of proxies, the first one has the caller's connection.
    const scheme = c.req.header("x-forwarded-proto")?.split(",", 1)[0]?.trim().toLowerCase();
    return { address, isSecure: scheme === "https" };
  };
  return (c) => {
    const origin = known.get(c.req.raw) ?? read(c);
    known.set(c.req.raw, origin);
    return origin;
  };
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [net = "", bits] = cidr.split("/");
    const family = isIPv6(net) ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(net, family);
    else list.addSubnet(net, Number(bits), family);
  }
  return list;
}

/** Without the `::ffff:` that IPv6 sockets put before IPv4 addresses, and the port that some proxies append. */
function plain(ip: string): string {
  const [, address = ip] = /^\[([^\]]*)\](?::\d+)?$/.exec(ip) ?? /^([\d.]+):\d+$/.exec(ip) ?? [];
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
