/** Thousands of nodes lose their gateway at once, and come back while others stream. */

import type { Campaign, CampaignOptions } from "./campaign.ts";
import { needDescriptors } from "./descriptors.ts";
import { StormStage, STREAMS } from "./storm/stage.ts";
import { shownGaps } from "./streams.ts";

const NODES = 10_000;

/** How long the streams are read while nothing happens, to compare with. */
const QUIET_MS = 6_000;

/** Database, log, callers, and the like. */
const OTHER_DESCRIPTORS = 500;

export const storm: Campaign = {
  name: "storm",
  about:
    "10,000 nodes (--runs N: N nodes) come back to a gateway that was restarted, among streams",
  run: whirl,
};

async function whirl({ runs: nodes = NODES, progress }: CampaignOptions): Promise<string> {
  needDescriptors(nodes + OTHER_DESCRIPTORS);
  const stage = await StormStage.start(progress);
  const startedMs = await stage.startCrowd(nodes);
  const quiet = await stage.streamsFor(QUIET_MS);
  const soft = await stage.restart("SIGTERM");
  const hard = await stage.restart("SIGKILL");
  return `${nodes} nodes connected within ${seconds(startedMs)}; ` +
    `back within ${seconds(soft.backMs)} after SIGTERM, ${seconds(hard.backMs)} after SIGKILL; ` +
    `gaps of ${STREAMS} streams at 50 ms: quiet ${shownGaps(quiet)}; ` +
    `after SIGTERM ${shownGaps(soft.gaps)}; after SIGKILL ${shownGaps(hard.gaps)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
