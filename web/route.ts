/** The paths of the console's pages, and the way back to one after signing in. */

import { base } from "./base.ts";

export const paths = {
  home: base || "/",
  register: `${base}/register`,
  login: `${base}/login`,
  setup: `${base}/setup`,
  reset: `${base}/reset`,
  dashboard: `${base}/dashboard`,
  join: `${base}/join`,
  nodes: `${base}/nodes`,
  node: `${base}/nodes/:id`,
  models: `${base}/models`,
  playground: `${base}/playground`,
  keys: `${base}/keys`,
  budgets: `${base}/budgets`,
  calls: `${base}/calls`,
  settings: `${base}/settings`,
  admin: `${base}/admin`,
} as const;

/** A page of the manual, which the gateway serves itself; empty: the list of its pages. */
export function manualPath(language: string, page = ""): string {
  return `${base}/docs/${language.startsWith("zh") ? "zh" : "en"}/${page}`;
}

/** The page of one node. */
export function nodePath(id: string): string {
  return `${paths.nodes}/${encodeURIComponent(id)}`;
}

/** A model in the list of models, which offers for each what it can do. */
export function modelPath(model: string): string {
  return `${paths.models}?q=${encodeURIComponent(model)}`;
}

/** The playground with a model chosen, for a model that can chat. */
export function tryPath(model: string): string {
  return `${paths.playground}?model=${encodeURIComponent(model)}`;
}

/** The login page, which returns to `backTo` afterwards. */
export function loginPath(backTo: string): string {
  return `${paths.login}?next=${encodeURIComponent(backTo)}`;
}

/** Where to go after signing in. Accepts only paths of the console, because anyone can write such a link. */
export function nextPath(next: string | undefined, fallback: string = paths.home): string {
  return next !== undefined && /^\/(?![/\\])[^\\\s]*$/.test(next) ? next : fallback;
}
