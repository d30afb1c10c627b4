/** What a policy has measured of a node, as the console shows it. */

import type { NodeMeasure } from "../api/mod.ts";
import type { Clock } from "./base/clock.ts";
import type { Node } from "./node/node.ts";
import type { NodeSpeed } from "./schedule/policy/node_speed.ts";
import type { Policies } from "./schedule/policy/policy.ts";

/** Of each of the node's services that was measured, in alphabetical order. */
export function nodeMeasures(node: Node, policies: Policies, clock: Clock): NodeMeasure[] {
  const measures: NodeMeasure[] = [];
  for (const service of node.services()) {
    const speed = policies(service.model).speedOf?.(node, service);
    if (!speed) continue;
    const { model, endpoint } = service;
    measures.push({ model, endpoint, ...measureOf(speed, clock) });
  }
  return measures.sort((a, b) => a.model < b.model ? -1 : a.model > b.model ? 1 : 0);
}

function measureOf(speed: NodeSpeed, clock: Clock): Omit<NodeMeasure, "model" | "endpoint"> {
  const { msPerChar, loadMs, hitRate, hitsLooked, firstError, endError } = speed;
  return {
    answers: speed.answers,
    measured_at: Math.round(clock.now() - (clock.monotonic() - speed.measuredMs)),
    prefill_chars_per_second: perSecond(msPerChar),
    decode: [...speed.decodeSpeeds()].flatMap(({ running, msPerToken }) => {
      const tokens = perSecond(msPerToken);
      return tokens === null ? [] : [{ running, tokens_per_second: tokens }];
    }),
    load_ms: loadMs > 0 ? Math.round(loadMs) : null,
    prefix_hit_rate: hitsLooked > 0 ? hitRate : null,
    first_token_error: firstError,
    end_error: endError,
  };
}

/** How many in a second of what takes so long each; null: nothing was measured. */
function perSecond(ms: number): number | null {
  return ms > 0 ? 1000 / ms : null;
}
