/** The gateway's address, as snippets show it. */

import { base } from "./base.ts";
import type { InfoView } from "../api/mod.ts";

/** The gateway's address for programs: the configured public one, or the one the console was opened at. */
export function gatewayAddress(
  info: Pick<InfoView, "public_url"> | null,
  origin: string = location.origin + base,
): string {
  return (info?.public_url ?? origin).replace(/\/+$/, "");
}
