/** Budgets as text: in the audit log, and on the command line. */

import { Budget, GroupBudget } from "../../../api/mod.ts";
import { UsageError } from "../../base/config.ts";

/** A budget in the audit log; undefined where a change leaves it as it is. */
export function budgetText(budget: GroupBudget | null | undefined): string | null | undefined {
  if (budget === null || budget === undefined) return budget;
  return Object.entries(budget).map(([member, limit]) => `${member}=${String(limit)}`).join(", ");
}

const shapes = { account: Budget, group: GroupBudget };

/** Reads `tokens_per_day=2000000,models=small+large`; null for `none`. Throws UsageError. */
export function budgetOf(text: string, whose: keyof typeof shapes): GroupBudget | null {
  if (text === "none") return null;
  const members = text.split(",").map((part) => part.split("=").map((word) => word.trim()));
  const { data, error } = shapes[whose].safeParse(
    Object.fromEntries(members.map(([name, value = ""]) => [
      name,
      name === "models" ? value.split("+") : Number(value || NaN),
    ])),
  );
  if (data !== undefined) return data;
  const names = Object.keys(shapes[whose].shape).join(", ");
  const reasons = error.issues.map(({ path, message }) => `${path.join(".")} ${message}`.trim());
  throw new UsageError([
    `--budget=${text}: ${reasons.join("; ")}; expected name=number of ${names}; or none`,
  ]);
}
