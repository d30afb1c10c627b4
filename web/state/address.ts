/** The gateway's address for programs and nodes. */

import { api } from "../api.ts";
import { gatewayAddress } from "../snippet.ts";
import { useLive } from "./live.ts";

/** The address rarely changes. */
const REFRESH_MS = 60_000;

/** The configured public address, or the one the console was opened at. */
export function useGatewayAddress(): string {
  return gatewayAddress(useLive(api.info, REFRESH_MS).value.data);
}
