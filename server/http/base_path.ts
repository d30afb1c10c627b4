/** How requests below a base path are routed: by what comes after it. */

import { getPath } from "hono/utils/url";

/**
 * Hono's option that finds a request's path, without the base path where it has it. Some proxies remove
 * that part, so that it may be missing; others' health checks never have it.
 */
export function pathBelow(base: string) {
  return base === "" ? {} : {
    getPath: (request: Request): string => {
      const path = getPath(request);
      if (!path.startsWith(base)) return path;
      const rest = path.slice(base.length);
      if (rest === "") return "/";
      return rest.startsWith("/") ? rest : path;
    },
  };
}
