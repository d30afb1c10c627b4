/** Where a request comes from. Only the proxies that the operator named are trusted. */

import { BlockList, isIPv6 } from "node:net";
import type { AppContext } from "./env.ts";

export interface Origin {
  /** The caller's IP address. */
  address: string;
  /** Whether the caller's own connection is encrypted. */
  isSecure: boolean;
}

/** Networks in which a proxy of the operator's own may stand: elsewhere anyone can pretend to be one. */
const NEARBY = [
  ...["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  ...["::1", "fc00::/7", "fe80::/10"],
];

/**
 * Returns a function that finds a request's origin. `trustedProxies`: CIDRs or addresses, already
 * checked. `onUntrusted` is called once, with the address of what seems to be a proxy of the operator's
 * that is not among them: all who come through it are taken for one.
 */
export function originReader(
  trustedProxies: readonly string[],
  onUntrusted: (address: string) => void = () => {},
): (c: AppContext) => Origin {
  const trusted = blockList(trustedProxies);
  const nearby = blockList(NEARBY);
  let isReported = false;
  const report = (c: AppContext, peer: string) => {
    if (isReported || c.req.header("x-forwarded-for") === undefined) return;
    if (!nearby.check(peer, isIPv6(peer) ? "ipv6" : "ipv4")) return;
    isReported = true;
    onUntrusted(peer);
  };
  const isTrusted = (ip: string) => trusted.check(ip, isIPv6(ip) ? "ipv6" : "ipv4");
  // Kept for each request: when its caller has hung up, the server no longer knows the address.
  const known = new WeakMap<object, Origin>();
  const read = (c: AppContext): Origin => {
    const peer = plain(c.env.server.requestIP(c.req.raw)?.address ?? "unknown");
    if (peer === "unknown" || !isTrusted(peer)) {
      report(c, peer);
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
