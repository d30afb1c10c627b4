/** What a key may do, as the form has it and as the gateway takes it. */

import type { KeyView } from "../../../api/mod.ts";

export const lifetimes = ["never", "30", "90", "365", "kept"] as const;
/** In days; `kept`: as it was. */
export type Lifetime = typeof lifetimes[number];

export interface Limits {
  name: string;
  /** Null: all. */
  models: readonly string[] | null;
  /** As typed; empty: none of its own. */
  rpm: string;
  lifetime: Lifetime;
}

export const noLimits: Limits = { name: "", models: null, rpm: "", lifetime: "never" };

const DAY_MS = 86_400_000;

export function limitsOf({ name, models, rpm, expires_at }: KeyView): Limits {
  const lifetime = expires_at === null ? "never" : "kept";
  return { name, models, rpm: rpm === null ? "" : String(rpm), lifetime };
}

/** As the gateway takes them. `nowMs` is its time; `before` is what the key has so far. */
export function asked(limits: Limits, nowMs: number, before: KeyView | null) {
  const { name, models, rpm, lifetime } = limits;
  return {
    name: name.trim(),
    models: models === null ? null : [...models],
    rpm: rpm.trim() === "" ? null : Number(rpm),
    expires_at: expiry(lifetime, nowMs, before),
  };
}

function expiry(lifetime: Lifetime, nowMs: number, before: KeyView | null): number | null {
  if (lifetime === "never") return null;
  if (lifetime === "kept") return before?.expires_at ?? null;
  return Math.round(nowMs) + Number(lifetime) * DAY_MS;
}

/** What is wrong with the form, by field, before the gateway is asked. */
export function problems(
  { name, models, rpm }: Limits,
  words: { nameMissing: string; rpmWrong: string; noModel: string },
): Partial<Record<"name" | "rpm" | "models", string>> {
  return {
    ...(name.trim() === "" && { name: words.nameMissing }),
    ...(!/^\d*$/.test(rpm.trim()) && { rpm: words.rpmWrong }),
    ...(models?.length === 0 && { models: words.noModel }),
  };
}
