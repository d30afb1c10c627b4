/** The network of an address, for counting callers who can change their address within it. */

import { isIPv6 } from "node:net";

/** Of an IPv6 address's eight groups, providers assign the first four to one customer. */
const GROUPS = 4;
/** And have the first two, or the first two numbers of an IPv4 address, themselves. */
const PROVIDERS_PARTS = 2;

/** The first 64 bits of an IPv6 address; any other text unchanged. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [plain = ""] = address.split("%");
  // URL gives every spelling of an address the same form.
  const host = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [before = [], after] = host.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = after === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(zeros).fill("0"), ...after ?? []].slice(0, GROUPS).join(":");
}

/** What the network shares with others that one provider has, and one attacker can have: /32 of IPv6, /16 of IPv4. */
export function providerOf(network: string): string {
  const separator = network.includes(":") ? ":" : ".";
  return network.split(separator, PROVIDERS_PARTS).join(separator);
}
