/** Many nodes in one process, each with a real node's link: how it dials, waits, and reconnects is the product's own. */

import type { Adapter } from "../../../client/adapter/adapter.ts";
import { createNode } from "../../../client/node.ts";

/** Be so many nodes. */
export interface CrowdOrder {
  wsUrl: string;
  token: string;
  model: string;
  count: number;
  /** Spread over this time, as machines that were switched on by different people. */
  startWithinMs: number;
}

/** The crowd gets no calls: only its number matters. */
const mute: Adapter = {
  async *answer() {},
};

async function obey({ wsUrl, token, model, count, startWithinMs }: CrowdOrder): Promise<void> {
  for (let i = 0; i < count; i++) {
    const config = { client_token: token, server_url: wsUrl, providers: [] };
    createNode(config, { adapters: { [model]: mute } }).start();
    await Bun.sleep(startWithinMs / count);
  }
}

process.on("message", (order: CrowdOrder) => void obey(order));
process.on("disconnect", () => process.exit(0));
