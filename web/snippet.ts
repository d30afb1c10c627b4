/** The gateway's address, as snippets show it. */

import type { InfoView } from "../api/mod.ts";

/** The gateway's address for programs: the configured public one, or the one the console was opened at. */
export function gatewayAddress(
  info: Pick<InfoView, "public_url"> | null,
  origin: string = location.origin,
): string {
  return (info?.public_url ?? origin).replace(/\/+$/, "");
}
