/** Where the console's pages are, and how one is come back to. */

/** Every path that the console answers. */
export const paths = {
  home: "/",
  register: "/register",
  login: "/login",
  setup: "/setup",
  dashboard: "/dashboard",
  nodes: "/nodes",
  node: "/nodes/:id",
  models: "/models",
  playground: "/playground",
  keys: "/keys",
  calls: "/calls",
  settings: "/settings",
  admin: "/admin",
} as const;

/** One node's own page. */
export function nodePath(id: string): string {
  return `${paths.nodes}/${encodeURIComponent(id)}`;
}

/** The playground with a model chosen. */
export function tryPath(model: string): string {
  return `${paths.playground}?model=${encodeURIComponent(model)}`;
}

/** The login page, told where to go on afterwards. */
export function loginPath(backTo: string): string {
  return `${paths.login}?next=${encodeURIComponent(backTo)}`;
}

/** Where to go after signing in. Only a path of our own is taken: a link may be anybody's. */
export function nextPath(next: string | undefined, fallback: string = paths.dashboard): string {
  return next !== undefined && /^\/(?![/\\])[^\\\s]*$/.test(next) ? next : fallback;
}
