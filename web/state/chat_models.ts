/** The models that a conversation can be held with. */

import type { ModelView } from "../../api/mod.ts";

const CHAT = "/v1/chat/completions";

export function canChat({ capabilities }: ModelView): boolean {
  return capabilities.endpoints.includes(CHAT);
}

/** Names of the models that can chat and that some node takes calls for, sorted. */
export function chatModels(models: readonly ModelView[]): string[] {
  return ofNow(models).map(({ id }) => id).sort();
}

/**
 * The model to begin with: one of the preferred ones if it can chat now, else the first that answers
 * soonest; the empty string: there is none.
 */
export function firstChoice(
  models: readonly ModelView[],
  preferred: readonly (string | null | undefined)[],
): string {
  const names = chatModels(models);
  const wanted = preferred.find((name) => name && names.includes(name));
  if (wanted) return wanted;
  const waitOf = ({ state, capabilities: { loaded } }: ModelView) =>
    (state === "ready" ? 0 : 2) + (loaded === false ? 1 : 0);
  return ofNow(models)
    .toSorted((a, b) => waitOf(a) - waitOf(b) || (a.id < b.id ? -1 : 1))[0]?.id ?? "";
}

function ofNow(models: readonly ModelView[]): ModelView[] {
  return models.filter((model) => canChat(model) && model.state !== "unavailable");
}
