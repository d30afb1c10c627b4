/** What a node tells the gateway of its models: as many as one frame holds. */

import {
  MAX_CONTROL_BYTES,
  MAX_MODELS_PER_NODE,
  type ModelCapabilities,
} from "../../protocol/mod.ts";

export interface Announcement {
  models: string[];
  capabilities: Record<string, ModelCapabilities>;
  /** How many there was no room for. */
  leftOut: number;
}

/** Room for everything else that stands in the same frame. */
const MAX_BYTES = MAX_CONTROL_BYTES - 4 * 1024;

/** The first models, in their order, for which there is room. */
export function announce(all: Readonly<Record<string, ModelCapabilities>>): Announcement {
  const entries = Object.entries(all);
  let bytes = 0;
  const fitting = entries.slice(0, MAX_MODELS_PER_NODE).filter((entry) => {
    bytes += bytesOf(entry);
    return bytes <= MAX_BYTES;
  });
  return {
    models: fitting.map(([name]) => name),
    capabilities: Object.fromEntries(fitting),
    leftOut: entries.length - fitting.length,
  };
}

/** A name stands in both lists, each time with its quotes and a comma. */
function bytesOf([name, capabilities]: [string, ModelCapabilities]): number {
  const text = JSON.stringify(name) + JSON.stringify(name) + JSON.stringify(capabilities) + ",,:";
  return new TextEncoder().encode(text).byteLength;
}
