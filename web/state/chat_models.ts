/** The models that a conversation can be held with. */

import type { ModelView } from "../../api/mod.ts";

const CHAT = "/v1/chat/completions";

export function canChat({ capabilities }: ModelView): boolean {
  return capabilities.endpoints.includes(CHAT);
}

/** What shows that a model works which cannot chat, by its endpoint. */
export const trials = {
  "/v1/embeddings": (model: string): object => ({ model, input: "one two three" }),
  "/v1/rerank": (model: string): object => ({ model, query: "one", documents: ["one", "two"] }),
  "/v1/moderations": (model: string): object => ({ model, input: "one two three" }),
} as const;
export type TrialEndpoint = keyof typeof trials;

/** Where a model can be tried that cannot chat; null: nowhere, or it can. */
export function trialEndpoint(model: ModelView): TrialEndpoint | null {
  if (canChat(model)) return null;
  const { endpoints } = model.capabilities;
  return (Object.keys(trials) as TrialEndpoint[]).find((path) => endpoints.includes(path)) ?? null;
}

/** Names of the models that can chat and that some node takes calls for, sorted. */
export function chatModels(models: readonly ModelView[]): string[] {
  return ofNow(models).map(({ id }) => id).sort();
}

export interface ChatModels {
  /** Whether a call would be taken at once, or would wait. */
  state: "ready" | "busy";
  names: readonly string[];
}

/** As `chatModels`, those first that would take a call at once; a state without models is left out. */
export function chatModelsByState(models: readonly ModelView[]): ChatModels[] {
  return (["ready", "busy"] as const)
    .map((state) => ({ state, names: chatModels(models.filter((one) => one.state === state)) }))
    .filter(({ names }) => names.length > 0);
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

/**
 * The columns with a model in each: `first` in an empty first one, in an empty other one a model that
 * is compared with the first, where there is one more.
 */
export function withModels(
  columns: readonly string[],
  first: string,
  names: readonly string[],
): string[] {
  const begin = columns[0] || first;
  const other = names.find((one) => one !== begin) ?? begin;
  return columns.map((model, column) => model || (column === 0 ? begin : other));
}

function ofNow(models: readonly ModelView[]): ModelView[] {
  return models.filter((model) => canChat(model) && model.state !== "unavailable");
}
