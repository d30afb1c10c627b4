/** Routes the events of accepted WebSockets to the handlers of their kind: nodes or gateways. */

import type { ServerWebSocket, WebSocketHandler } from "bun";
import { HEADER_BYTES } from "../protocol/mod.ts";
import { TAG_BYTES } from "./cluster/frame_cipher.ts";
import type { PeerSocketData } from "./cluster/peer_socket.ts";
import type { SocketData } from "./node/link.ts";

/** What a node's frame grows by on its way between two gateways. */
const PEER_OVERHEAD_BYTES = TAG_BYTES + HEADER_BYTES;

type Data = SocketData | PeerSocketData;
type Events = "open" | "message" | "ping" | "pong" | "drain" | "close";

/** Bun takes one set of handlers for all sockets. Its options are those of the nodes' handlers. */
export function socketHandlers(
  nodes: WebSocketHandler<SocketData>,
  peers: Pick<WebSocketHandler<PeerSocketData>, Events>,
): WebSocketHandler<Data> {
  const of = (ws: ServerWebSocket<Data>) =>
    // A handler only gets sockets with its own data.
    ("admitted" in ws.data ? peers : nodes) as Pick<WebSocketHandler<Data>, Events>;
  return {
    ...nodes,
    maxPayloadLength: nodes.maxPayloadLength! + PEER_OVERHEAD_BYTES,
    data: {} as Data,
    open: (ws) => of(ws).open?.(ws),
    message: (ws, message) => of(ws).message?.(ws, message),
    ping: (ws, bytes) => of(ws).ping?.(ws, bytes),
    pong: (ws, bytes) => of(ws).pong?.(ws, bytes),
    drain: (ws) => of(ws).drain?.(ws),
    close: (ws, code, reason) => of(ws).close?.(ws, code, reason),
  };
}
