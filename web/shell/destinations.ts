/** The pages of the navbar, in its order. */

import type { Messages } from "../i18n/en.ts";
import type { IconName } from "../part/Icon.tsx";
import { paths } from "../route.ts";
import { session } from "../state/session.ts";

export interface Destination {
  path: string;
  name: keyof Messages["nav"]["pages"];
  icon: IconName;
  /** The key that opens the page after `g`. */
  key: string;
  /** Who may open the page. */
  who: "anybody" | "user" | "admin";
  /** Whether the page is in the account's menu and not in the bar. */
  isAside?: boolean;
}

const all: readonly Destination[] = [
  { path: paths.dashboard, name: "dashboard", icon: "chart", key: "d", who: "user" },
  { path: paths.nodes, name: "nodes", icon: "server", key: "n", who: "anybody" },
  { path: paths.models, name: "models", icon: "model", key: "m", who: "user" },
  { path: paths.playground, name: "playground", icon: "chat", key: "p", who: "user" },
  { path: paths.keys, name: "keys", icon: "key", key: "k", who: "user" },
  { path: paths.calls, name: "calls", icon: "list", key: "c", who: "user" },
  {
    path: paths.budgets,
    name: "budgets",
    icon: "chart",
    key: "b",
    who: "user",
    isAside: true,
  },
  {
    path: paths.settings,
    name: "settings",
    icon: "settings",
    key: "s",
    who: "user",
    isAside: true,
  },
  { path: paths.admin, name: "admin", icon: "shield", key: "a", who: "admin", isAside: true },
];

/** The pages that the current visitor or user may open. */
export function destinations(): readonly Destination[] {
  const current = session.value;
  const role = current.state === "in" ? current.user.role : null;
  return all.filter(({ who }) => who === "anybody" || role === "admin" || (who === "user" && role));
}
