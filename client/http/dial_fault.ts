/** Why a connection was not made: Bun reports all that systems say of it as a refusal. */

import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";

/** What Bun says where it does not know better. */
const REFUSED = "ECONNREFUSED";

/** A refusal takes one round trip; that a machine is off shows after three questions for it, one each second. */
const MOST_ROUND_TRIP_MS = 2_000;

/** To know why is worth no more: the caller waits to try another server, and the node to dial again. */
const LOOK_WITHIN_MS = 1_000;

/** The sockets that one look opens. */
const MAX_ADDRESSES = 8;

/** What systems and resolvers say, by the code that has words; another code says nothing of the server. */
const faults: Readonly<Record<string, string>> = {
  EACCES: "EACCES",
  EPERM: "EACCES",
  ENETUNREACH: "ENETUNREACH",
  ENETDOWN: "ENETUNREACH",
  EADDRNOTAVAIL: "ENETUNREACH",
  EAFNOSUPPORT: "ENETUNREACH",
  EINVAL: "ENETUNREACH",
  EHOSTUNREACH: "EHOSTUNREACH",
  EHOSTDOWN: "EHOSTUNREACH",
  ENOTFOUND: "ENOTFOUND",
  ENODATA: "ENOTFOUND",
  EAI_AGAIN: "EAI_AGAIN",
  ESERVFAIL: "EAI_AGAIN",
  ETIMEOUT: "EAI_AGAIN",
};

/** How a machine's addresses and ways are found. */
export interface Routes {
  /** The addresses of a name. Rejects with the system's code. */
  addressesOf(hostname: string): Promise<string[]>;
  /** The code with which the system has no way to an address; null: there is one. */
  faultOf(address: string, port: number): Promise<string | null>;
}

/**
 * The system's code for a dial that ended with `reported` after `elapsedMs`: one of few, or `reported`.
 * Waits for `lookWithinMs` at most. Never rejects.
 */
export async function dialFault(
  reported: string,
  { hostname, port, elapsedMs, lookWithinMs = LOOK_WITHIN_MS }: {
    hostname: string;
    port: number;
    elapsedMs: number;
    lookWithinMs?: number;
  },
  routes: Routes = systemRoutes,
): Promise<string> {
  if (reported !== REFUSED) return faults[reported] ?? reported;
  const wasSlow = elapsedMs > MOST_ROUND_TRIP_MS;
  const late = Promise.withResolvers<string | null>();
  // A dial that was refused at once had an address all the same.
  const timer = setTimeout(() => late.resolve(wasSlow ? "EAI_AGAIN" : null), lookWithinMs);
  const found = await Promise.race([routeFault(hostname, port, routes), late.promise]);
  clearTimeout(timer);
  return faults[found ?? ""] ?? (wasSlow ? "EHOSTUNREACH" : reported);
}

/** The code with which there is no way to any of a name's addresses; null: there is one. */
async function routeFault(hostname: string, port: number, routes: Routes): Promise<string | null> {
  try {
    const addresses = (await routes.addressesOf(hostname)).slice(0, MAX_ADDRESSES);
    const found = await Promise.all(addresses.map((address) => routes.faultOf(address, port)));
    // What a reachable address says counts.
    return found.includes(null) ? null : found[0] ?? null;
  } catch (error) {
    return codeOf(error);
  }
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
