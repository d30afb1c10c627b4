/** Why a connection was not made: Bun reports all that systems say of it as a refusal. */

import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";

/** What Bun says where it does not know better. */
const REFUSED = "ECONNREFUSED";

/** A refusal takes one round trip; that a machine is off shows after three questions for it, one each second. */
const MOST_ROUND_TRIP_MS = 2_000;

/** How a machine's addresses and ways are found. */
export interface Routes {
  /** The addresses of a name. Rejects with the system's code. */
  addressesOf(hostname: string): Promise<string[]>;
  /** The code with which the system has no way to an address; null: there is one. */
  faultOf(address: string, port: number): Promise<string | null>;
}

/** The system's code for a dial that ended with `reported` after `elapsedMs`. Never rejects. */
export async function dialFault(
  reported: string,
  { hostname, port, elapsedMs }: { hostname: string; port: number; elapsedMs: number },
  routes: Routes = systemRoutes,
): Promise<string> {
  if (reported !== REFUSED) return reported;
  try {
    const addresses = await routes.addressesOf(hostname);
    const faults = await Promise.all(addresses.map((address) => routes.faultOf(address, port)));
    // What a reachable address says counts.
    const [first = null] = faults;
    if (first !== null && !faults.includes(null)) return first;
  } catch (error) {
    return codeOf(error) || reported;
  }
  return elapsedMs > MOST_ROUND_TRIP_MS ? "EHOSTUNREACH" : reported;
}

/** Where a URL's server is. */
export function placeOf({ protocol, hostname, port }: URL): { hostname: string; port: number } {
  const isSecure = protocol === "https:" || protocol === "wss:";
  return {
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port || (isSecure ? 443 : 80)),
  };
}

const systemRoutes: Routes = {
  async addressesOf(hostname) {
    const all = await lookup(hostname, { all: true });
    return all.map(({ address }) => address);
  },
  /** To connect a datagram socket sends nothing: the system only looks for the way. */
  async faultOf(address, port) {
    if (!("Bun" in globalThis)) return null;
    try {
      const socket = await Bun.udpSocket({
        hostname: isIPv6(address) ? "::" : "0.0.0.0",
        connect: { hostname: address, port },
      });
      socket.close();
      return null;
    } catch (error) {
      return codeOf(error) || null;
    }
  },
};

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
