/** The commands of the palette: pages, actions, and the network's models and nodes. */

import type { NodeView } from "../../api/mod.ts";
import type { IconName } from "../part/Icon.tsx";
import { manualPath, modelPath, nodePath, paths } from "../route.ts";
import { locale, messages, otherLocale } from "../state/locale.ts";
import { matches } from "../state/words.ts";
import { session, signOut } from "../state/session.ts";
import { theme } from "../state/theme.ts";
import { destinations } from "./destinations.ts";

type Group = "pages" | "actions" | "models" | "nodes";

export interface Command {
  group: Group;
  name: string;
  icon: IconName;
  /** The equivalent keyboard shortcut, as shown. */
  keys?: string;
  /** The path to open, or the action to run. */
  act: string | (() => void);
}

/** All commands, in display order. */
export function commands(nodes: readonly NodeView[]): Command[] {
  const t = messages.value;
  const pages = destinations().map(({ path, name, icon, key }): Command => ({
    group: "pages",
    name: t.nav.pages[name],
    icon,
    keys: `g ${key}`,
    act: path,
  }));
  return [...pages, ...actions(), ...ofNetwork(nodes)];
}

function actions(): Command[] {
  const t = messages.value;
  const isUser = session.value.state === "in";
  const action = (name: string, icon: IconName, act: Command["act"]): Command => ({
    group: "actions",
    name,
    icon,
    act,
  });
  return [
    ...(isUser ? [] : [
      action(t.nav.signIn, "user", paths.login),
      action(t.nav.register, "plus", paths.register),
    ]),
    action(t.nav.manual, "book", () => void open(manualPath(locale.value))),
    action(t.palette.language, "globe", () => locale.value = otherLocale()),
    action(t.palette.theme.light, "sun", () => theme.value = "light"),
    action(t.palette.theme.dark, "moon", () => theme.value = "dark"),
    action(t.palette.theme.system, "system", () => theme.value = "system"),
    ...(isUser
      ? [
        action(t.nodes.add, "plus", `${paths.nodes}?add=1`),
        action(t.keys.create, "key", `${paths.keys}?create=1`),
      ]
      : []),
    ...(isUser ? [action(t.nav.signOut, "leave", () => void signOut())] : []),
  ];
}

/** Without a session, models cannot be listed and nodes have no pages of their own. */
function ofNetwork(nodes: readonly NodeView[]): Command[] {
  const isUser = session.value.state === "in";
  const models = [...new Set(nodes.flatMap((node) => node.supported_models))].sort();
  return [
    ...(isUser ? models : []).map((name): Command => ({
      group: "models",
      name,
      icon: "model",
      act: modelPath(name),
    })),
    ...nodes.map(({ id, name }): Command => ({
      group: "nodes",
      name,
      icon: "server",
      act: isUser ? nodePath(id) : paths.nodes,
    })),
  ];
}

/** What request ids look like: they are long, and are pasted. */
const REQUEST_ID = /^\s*(req-[0-9a-f]{8,})\s*$/i;

/** Leads to the call whose id was pasted; null: the text is no id. */
function callOf(query: string): Command | null {
  const id = REQUEST_ID.exec(query)?.[1];
  if (id === undefined || session.value.state !== "in") return null;
  const act = `${paths.calls}?id=${encodeURIComponent(id)}`;
  return { group: "pages", name: messages.value.palette.findCall(id), icon: "list", act };
}

/** The first `limit` commands whose name contains every word of `query`. */
export function found(
  all: readonly Command[],
  query: string,
  limit: number,
): Command[] {
  const call = callOf(query);
  if (call !== null) return [call];
  return all.filter(({ name }) => matches(query, name)).slice(0, limit);
}
