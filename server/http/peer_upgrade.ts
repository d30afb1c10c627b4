/** `GET /cluster`: another gateway connects. Without a proof of the shared secret the path does not exist. */

import { ColinkError } from "../base/error.ts";
import type { AppContext } from "./env.ts";
import type { AppParts } from "./parts.ts";

export function peerUpgrade({ cluster }: AppParts) {
  return (c: AppContext): Response => {
    const data = cluster?.admit(c.req.raw.headers) ?? null;
    if (data !== null && c.env.server.upgrade(c.req.raw, { data })) return new Response(null);
    throw new ColinkError("not_found", `Cannot GET ${c.req.path}: no such path`);
  };
}
