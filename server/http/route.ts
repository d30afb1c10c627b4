/** The header with which a caller asks for near nodes: its own, those that are shared with it by name, or any. */

import { ColinkError } from "../base/error.ts";
import { ROUTE_HEADER } from "../call/attempt.ts";
import { narrower, type Route, routes } from "../node/audience.ts";

/** The route of a request: the narrower of what it asks for and what its key allows. Throws invalid_request. */
export function routeOf(headers: Headers, allowed: Route): Route {
  const asked = headers.get(ROUTE_HEADER);
  if (asked === null) return allowed;
  const route = routes.find((one) => one === asked);
  if (route !== undefined) return narrower(route, allowed);
  throw new ColinkError(
    "invalid_request",
    `Cannot read the header ${ROUTE_HEADER}: it must be ${routes.join(", ")}; leave it out for any`,
    { param: ROUTE_HEADER },
  );
}
