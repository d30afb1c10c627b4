/** Where the console's pages are, and how one is come back to. */

/** Every path that the console answers. */
export const paths = {
  home: "/",
  register: "/register",
  login: "/login",
  dashboard: "/dashboard",
  nodes: "/nodes",
} as const;

/** The login page, told where to go on afterwards. */
export function loginPath(backTo: string): string {
  return `${paths.login}?next=${encodeURIComponent(backTo)}`;
}

/** Where to go after signing in. Only a path of our own is taken: a link may be anybody's. */
export function nextPath(next: string | undefined, fallback: string = paths.dashboard): string {
  return next !== undefined && /^\/(?![/\\])[^\\\s]*$/.test(next) ? next : fallback;
}
