/** What the gateway is called, by its administrators or else by its program. */

import { signal } from "@preact/signals";

export const PRODUCT = "Co-Link";

/** Empty: it has no name of its own, or it is not known yet. */
export const instanceName = signal("");
