/** A thousand callers stop reading: the others' streams go on, and the gateway holds no more than its windows. */

import { join } from "node:path";
import { endAfterTests } from "../../tests/harness/cleanup.ts";
import { Program } from "../program.ts";
import { type Campaign, type CampaignOptions, Skipped } from "./campaign.ts";
import { needDescriptors, withAllDescriptors } from "./descriptors.ts";
import { narrowNetwork } from "./stalled/narrow_network.ts";

const READERS = 1_000;

export const stalled: Campaign = {
  name: "stalled",
  about: "1,000 callers (--runs N: N callers) that stop reading, beside 50 that read",
  run: standStill,
};

async function standStill({ runs: readers = READERS, progress }: CampaignOptions): Promise<string> {
  needDescriptors(2 * readers + 500);
  const network = narrowNetwork();
  if (network === null) {
    throw new Skipped("it needs a network of its own: run it as root on Linux, with iproute2");
  }
  let last = "";
  const scene = new Program("scene", [
    ...network,
    ...withAllDescriptors,
    process.execPath,
    join(import.meta.dir, "stalled", "scene.ts"),
    String(readers),
  ], {
    onLine: (line) => progress(last = line),
  });
  endAfterTests(async () => void await scene.stop());
  if (await scene.ended !== 0) throw scene.failure("the stalled callers did harm");
  return last;
}
