/** A key's limits, in the form and as sent to the gateway. */

import type { KeyView, Route } from "../../../api/mod.ts";
import {
  budgetIn,
  budgetMembers,
  budgetNames,
  type BudgetTexts,
  budgetTexts,
} from "../../state/budget.ts";
import { messages } from "../../state/locale.ts";

export const lifetimes = ["never", "30", "90", "365", "kept"] as const;
export const routes: readonly Route[] = ["any", "group", "own"];
/** Days until expiry; `kept`: unchanged. */
type Lifetime = typeof lifetimes[number];

export interface Limits {
  name: string;
  /** Null: all models. */
  models: readonly string[] | null;
  /** As typed; empty: no limit of its own. */
  rpm: string;
  route: Route;
  budget: BudgetTexts;
  lifetime: Lifetime;
}

/** Members of the request that have a field for a problem. */
export const limitFields = ["name", "models", "rpm", ...budgetMembers(budgetNames)] as const;

export const noLimits: Limits = {
  name: "",
  models: null,
  rpm: "",
  route: "any",
  budget: {},
  lifetime: "never",
};

const DAY_MS = 86_400_000;

/** The account's own two have no name at first. */
export function nameOf({ name, kind }: Pick<KeyView, "name" | "kind">): string {
  return name || messages.value.keys.own[kind];
}

export function limitsOf({ name, models, rpm, route, budget, expires_at }: KeyView): Limits {
  const lifetime = expires_at === null ? "never" : "kept";
  return {
    name,
    models,
    rpm: rpm === null ? "" : String(rpm),
    route,
    budget: budgetTexts(budget),
    lifetime,
  };
}

/** The request's fields. `nowMs` is the gateway's time; `before` is the key to change, or null. */
export function requested(limits: Limits, nowMs: number, before: KeyView | null) {
  const { name, models, rpm, route, budget, lifetime } = limits;
  return {
    name: name.trim(),
    models: models === null ? null : [...models],
    rpm: rpm.trim() === "" ? null : Number(rpm),
    route,
    budget: budgetIn(budget),
    expires_at: expiry(lifetime, nowMs, before),
  };
}

function expiry(lifetime: Lifetime, nowMs: number, before: KeyView | null): number | null {
  if (lifetime === "never") return null;
  if (lifetime === "kept") return before?.expires_at ?? null;
  return Math.round(nowMs) + Number(lifetime) * DAY_MS;
}

/** Problem texts by field, checked before the request. `before` is the key to change, or null. */
export function problems(
  { name, models, rpm }: Limits,
  before: KeyView | null,
  words: { nameMissing: string; rpmWrong: string; noModel: string },
): Partial<Record<"name" | "rpm" | "models", string>> {
  return {
    ...(name.trim() === "" && !before?.is_default && { name: words.nameMissing }),
    ...(!/^\d*$/.test(rpm.trim()) && { rpm: words.rpmWrong }),
    ...(models?.length === 0 && { models: words.noModel }),
  };
}
