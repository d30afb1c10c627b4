/** The models that a node announces to the gateway: as many as one frame holds. */

import {
  MAX_CONTROL_BYTES,
  MAX_MODELS_PER_NODE,
  type ModelCapabilities,
} from "../../protocol/mod.ts";

export interface Announcement {
  models: string[];
  capabilities: Record<string, ModelCapabilities>;
  /** The number of models that had no room. */
  leftOut: number;
}

/** The rest of the frame is left for its other fields. */
const MAX_BYTES = MAX_CONTROL_BYTES - 24 * 1024;

/** The first models for which there is room, in their order. */
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

/** The name counts twice: it stands in the list of models and as the key of its capabilities. */
function bytesOf([name, capabilities]: [string, ModelCapabilities]): number {
  const text = JSON.stringify(name) + JSON.stringify(name) + JSON.stringify(capabilities) + ",,:";
  return new TextEncoder().encode(text).byteLength;
}
