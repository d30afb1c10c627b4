/** The pages that one can go to by name, in the order of the navbar. */

import type { Messages } from "../i18n/en.ts";
import type { IconName } from "../part/Icon.tsx";
import { paths } from "../route.ts";
import { session } from "../state/session.ts";

export interface Destination {
  path: string;
  name: keyof Messages["nav"]["pages"];
  icon: IconName;
  /** After `g`, this key leads there. */
  key: string;
  /** Who may go: anybody, who is signed in, or who also runs the gateway. */
  who: "anybody" | "user" | "admin";
  /** Whether it stands behind the account's own button, and not in the bar. */
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
    path: paths.settings,
    name: "settings",
    icon: "settings",
    key: "s",
    who: "user",
    isAside: true,
  },
  { path: paths.admin, name: "admin", icon: "shield", key: "a", who: "admin", isAside: true },
];

/** Those that whoever sits here may go to now. */
export function destinations(): readonly Destination[] {
  const current = session.value;
  const role = current.state === "in" ? current.user.role : null;
  return all.filter(({ who }) => who === "anybody" || role === "admin" || (who === "user" && role));
}
