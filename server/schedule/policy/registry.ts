/** The policies by their configured names. */

import type { Clock } from "../../base/clock.ts";
import type { Config } from "../../base/config.ts";
import type { Hub } from "../../node/hub.ts";
import { Affinity } from "./affinity.ts";
import { Auto } from "./auto.ts";
import { leastBusy, type Policies, type Policy, type PolicyName } from "./policy.ts";
import { Fastest } from "./fastest.ts";

export interface PolicyParts {
  hub: Hub;
  clock: Clock;
  /** Secret to this process; digests of conversations depend on it. */
  seed: bigint;
}

export function createPolicies(
  { policy, policies }: Pick<Config, "policy" | "policies">,
  { hub, clock, seed }: PolicyParts,
): Policies {
  const byName: Readonly<{ [N in PolicyName]: Policy }> = {
    "auto": new Auto(hub, clock, seed),
    "least-busy": leastBusy,
    "fastest": new Fastest(hub, clock),
    "affinity": new Affinity(hub, seed),
  };
  const general = byName[policy];
  const of = policies.size === 0
    ? () => general
    : (model: string) => byName[policies.get(model) ?? policy];
  return Object.assign(of, { all: Object.values(byName) });
}
