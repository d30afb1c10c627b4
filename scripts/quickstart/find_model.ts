/** Looks for a model that quickstart can share. */

import { hostedServices } from "./hosted_service.ts";
import { localServers } from "./local_server.ts";
import type { ModelSource, Place, Surroundings } from "./model_source.ts";

export interface Search {
  /** Null: there is none here. */
  found: ModelSource | null;
  /** What was there but could not be used, and what would make it usable. */
  notes: string[];
}

/** Looks everywhere at once; the first place in order that has a chat model wins. */
export async function findModel(surroundings: Surroundings): Promise<Search> {
  const places: Place[] = [...localServers, ...hostedServices];
  const looks = await Promise.allSettled(places.map((look) => look(surroundings)));
  const notes: string[] = [];
  for (const look of looks) {
    if (look.status === "rejected") notes.push(String(look.reason?.message ?? look.reason));
    else if (look.value !== null) return { found: look.value, notes };
  }
  return { found: null, notes };
}
