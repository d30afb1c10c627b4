/** Where a request really comes from: proxies are believed only where the operator named them. */

import { BlockList, isIPv6 } from "node:net";
import type { AppContext } from "./env.ts";

export interface Origin {
  /** The caller's IP address. */
  address: string;
  /** Whether the caller's own connection is encrypted. */
  isSecure: boolean;
}

/** Tells the origin of requests; `trustedProxies` are CIDRs or addresses, as the configuration has checked. */
export function originReader(trustedProxies: readonly string[]): (c: AppContext) => Origin {
  const trusted = blockList(trustedProxies);
  const isTrusted = (ip: string) => trusted.check(ip, isIPv6(ip) ? "ipv6" : "ipv4");
  return (c) => {
    const peer = plain(c.env.server.requestIP(c.req.raw)?.address ?? "unknown");
    if (peer === "unknown" || !isTrusted(peer)) {
      return { address: peer, isSecure: c.req.url.startsWith("https:") };
    }
    // From the right: what our proxies added is true, what stood there before may be made up.
    const hops = (c.req.header("x-forwarded-for") ?? "").split(",").map((hop) => plain(hop.trim()));
    const address = hops.reverse().find((hop) => hop !== "" && !isTrusted(hop)) ?? peer;
    return { address, isSecure: c.req.header("x-forwarded-proto") === "https" };
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

/** Sockets that listen on IPv6 show IPv4 peers as `::ffff:1.2.3.4`, and some proxies tell ports along. */
function plain(ip: string): string {
  const [, address = ip] = /^\[([^\]]*)\](?::\d+)?$/.exec(ip) ?? /^([\d.]+):\d+$/.exec(ip) ?? [];
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
