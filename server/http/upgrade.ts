/** `GET /ws`: a node connects. Its token is checked before the socket is opened. */

import type { AppParts } from "./parts.ts";
import { SUBPROTOCOL_V2 } from "../../protocol/mod.ts";
import { ColinkError } from "../base/error.ts";
import type { SocketData } from "../node/link.ts";
import type { AppContext } from "./env.ts";

export function upgrade(parts: AppParts) {
  return async (c: AppContext): Promise<Response> => {
    if (c.req.header("origin") !== undefined) {
      throw new ColinkError("origin_refused", "Cannot connect: browsers are not nodes");
    }
    const wire = asksForV2(c) ? 2 : 1;
    const { address } = parts.origin(c);
    const dialer = { ...await authenticated(c, parts, address), address, wire } as const;
    await parts.rates.take("links_opened_per_account", dialer.accountId);
    // A node whose link was lost may come back for the calls that end here.
    if (parts.isDraining() && !(wire === 2 && parts.mayResume(dialer))) throw restarting();
    const data: SocketData = { dialer, link: null };
    const headers = new Headers();
    if (wire === 2) headers.set("sec-websocket-protocol", SUBPROTOCOL_V2);
    if (c.env.server.upgrade(c.req.raw, { data, headers })) return new Response(null);
    throw new ColinkError("upgrade_required", "Cannot connect: this path speaks WebSocket");
  };
}

function restarting(): ColinkError {
  const message = "Cannot connect: this gateway is restarting; connect again";
  return new ColinkError("shutting_down", message, { retryAfterMs: 2000 });
}

function asksForV2(c: AppContext): boolean {
  const asked = c.req.header("sec-websocket-protocol") ?? "";
  return asked.split(",").some((name) => name.trim() === SUBPROTOCOL_V2);
}

async function authenticated(c: AppContext, parts: AppParts, address: string) {
  try {
    const key = await parts.keyring.authenticate(c.req.header("client-token") ?? "", "node");
    return { accountId: key.accountId, keyId: key.id, keyFamily: key.family };
  } catch (error) {
    const isRefusal = error instanceof ColinkError && error.kind.status === 401;
    if (!isRefusal) throw error;
    await parts.rates.take("links_refused_per_network", address);
    throw error;
  }
}
