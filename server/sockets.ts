/** Routes the events of accepted WebSockets to the handlers of their kind: nodes or gateways. */

import type { ServerWebSocket, WebSocketHandler } from "bun";
import { HEADER_BYTES, MAX_FRAME_BYTES } from "../protocol/mod.ts";
import { TAG_BYTES } from "./cluster/frame_cipher.ts";
import type { PeerSocketData } from "./cluster/peer_socket.ts";
import { CarriedLink } from "./node/carried_link.ts";
import type { SocketData } from "./node/link.ts";

/** The largest message between two gateways: a frame of wire v2, and what it grows by on its way. */
const MAX_PEER_MESSAGE_BYTES = MAX_FRAME_BYTES + HEADER_BYTES + TAG_BYTES;

/** The close code for a message that is too large. */
const TOO_LARGE = 1009;

type Data = SocketData | PeerSocketData;
type Events = "open" | "message" | "ping" | "pong" | "drain" | "close";

/**
 * Bun takes one set of handlers, and one largest message, for all sockets. Its other options are those
 * of the nodes' handlers. Gateways take the same messages from each other whatever each takes from nodes.
 */
export function socketHandlers(
  nodes: WebSocketHandler<SocketData>,
  peers: Pick<WebSocketHandler<PeerSocketData>, Events>,
): WebSocketHandler<Data> {
  const of = (ws: ServerWebSocket<Data>) =>
    // A handler only gets sockets with its own data.
    ("admitted" in ws.data ? peers : nodes) as Pick<WebSocketHandler<Data>, Events>;
  const nodeBytes = nodes.maxPayloadLength!;
  return {
    ...nodes,
    maxPayloadLength: Math.max(nodeBytes, MAX_PEER_MESSAGE_BYTES),
    data: {} as Data,
    open: (ws) => of(ws).open?.(ws),
    message: (ws, message) => {
      if (message.length > nodeBytes && obeys(ws.data)) ws.close(TOO_LARGE);
      else of(ws).message?.(ws, message);
    },
    ping: (ws, bytes) => of(ws).ping?.(ws, bytes),
    pong: (ws, bytes) => of(ws).pong?.(ws, bytes),
    drain: (ws) => of(ws).drain?.(ws),
    close: (ws, code, reason) => of(ws).close?.(ws, code, reason),
  };
}

/** Whether this gateway's limit holds for the socket: a node whose session another one holds was told that one's. */
function obeys(data: Data): boolean {
  return !("admitted" in data) && !(data.link instanceof CarriedLink);
}
