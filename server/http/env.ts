/** What every handler of the web app finds beside the request. */

import type { Server } from "bun";
import type { Context } from "hono";
import type { SocketData } from "../node/links.ts";

export interface AppEnv {
  Bindings: {
    /** The listening server: upgrades sockets, tells addresses, lifts the idle timeout of one request. */
    server: Server<SocketData>;
  };
  Variables: {
    /** On every answer and in every log line: `req-…`. */
    requestId: string;
    /** Go on the answer, whatever it will be. */
    headers: Headers;
  };
}

export type AppContext = Context<AppEnv>;
