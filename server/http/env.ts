/** The types of the web app's context. */

import type { Server } from "bun";
import type { Context } from "hono";
import type { Visitor } from "../account/session_book.ts";
import type { PeerSocketData } from "../cluster/peer_socket.ts";
import type { SocketData } from "../node/link.ts";

/** The listening server: upgrades sockets, knows callers' addresses, sets the idle timeout of one request. */
export type WebServer = Server<SocketData | PeerSocketData>;

/** An answer's headers, by lower-case name. A plain object costs less than `Headers`. */
export type AnswerHeaders = Record<string, string>;

/** The headers that every answer has. */
export type CommonHeaders = AnswerHeaders & { "x-request-id": string };

export interface AppEnv {
  Bindings: {
    server: WebServer;
    /** The address that the server listens or has listened on. */
    port: number;
  };
  Variables: {
    /** See answerHeaders. */
    headers?: CommonHeaders;
    /** Of a request to a route of /api that needs a session. */
    visitor?: Visitor;
  };
}

export type AppContext = Context<AppEnv>;
