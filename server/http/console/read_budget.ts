/** Reads budgets from the command line. */

import { Budget, GroupBudget } from "../../../api/mod.ts";
import { UsageError } from "../../base/read_config.ts";
import { t } from "../../texts.ts";

const shapes = { account: Budget, group: GroupBudget };

/** Reads `tokens_per_day=2000000,models=small+large`; null for `none`. Throws UsageError. */
export function readBudget(text: string, whose: keyof typeof shapes): GroupBudget | null {
  if (text === "none") return null;
  const members = text.split(/[,，、]/).map((part) => part.split("=").map((word) => word.trim()));
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
    t`--budget=${text}: ${reasons.join("; ")}; expected name=number of ${names}; or none`,
  ]);
}
