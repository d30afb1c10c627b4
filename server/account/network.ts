/** The network that an address stands for, where somebody is counted who can change addresses. */

import { isIPv6 } from "node:net";

/** So many of IPv6's eight groups are given to one customer: all addresses below them are one person's. */
const GROUPS = 4;

/** An IPv4 address, or anything else, as it is; of an IPv6 address its first 64 bits. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [plain = ""] = address.split("%");
  // A URL writes each address in one way.
  const host = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [before = [], after] = host.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = after === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(zeros).fill("0"), ...after ?? []].slice(0, GROUPS).join(":");
}
