/** Bun's two kinds of WebSocket, as the links between gateways use them: dialled and accepted. */

import type { ServerWebSocket, WebSocketHandler } from "bun";
import type { Socket } from "../node/link.ts";
import type { Admitted } from "./handshake.ts";
import { encodePeerMessage } from "./peer_message.ts";
import type { PeerLink } from "./peer_link.ts";
import type { DialListener, Peers } from "./peers.ts";

/** What Bun keeps with the socket of a gateway that has dialled. */
export interface PeerSocketData {
  admitted: Admitted;
  peerLink: PeerLink | null;
}

/** Dials another gateway. */
export function dialPeer(
  url: string,
  headers: Record<string, string>,
  listener: DialListener,
): Socket {
  // The standard's type lacks the options of Bun's client.
  const options = { headers, perMessageDeflate: false } as unknown as string[];
  const socket = new WebSocket(url, options);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    listener.message(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
  });
  socket.addEventListener("ping", () => listener.ping());
  socket.addEventListener("pong", (event) => {
    const { data } = event as MessageEvent<ArrayBuffer>;
    listener.pong(new TextDecoder().decode(data));
  });
  socket.addEventListener("close", ({ code }) => listener.closed(`connection closed (${code})`));
  return {
    send(message) {
      if (socket.readyState !== WebSocket.OPEN) return 0;
      socket.send(message as Uint8Array<ArrayBuffer>);
      return message.length;
    },
    ping: (text) => void (socket.readyState === WebSocket.OPEN && socket.ping(text)),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    getBufferedAmount: () => socket.bufferedAmount,
  };
}

/** The part of Bun.serve's handlers that serves gateways which have dialled. */
export function peerHandlers(
  peers: Peers,
  onLinked: (peer: string) => void,
): Pick<
  WebSocketHandler<PeerSocketData>,
  "open" | "message" | "ping" | "pong" | "drain" | "close"
> {
  const alive = ({ data }: ServerWebSocket<PeerSocketData>) => data.peerLink?.markAlive();
  return {
    open: (ws) => {
      const { peer, proof, cipher } = ws.data.admitted;
      // Not sealed: the peer needs it for the keys.
      ws.send(encodePeerMessage({ is: "hello", ...proof }));
      ws.data.peerLink = peers.accept(peer, ws, cipher);
      onLinked(peer);
    },
    message: (ws, message) => ws.data.peerLink?.receive(message),
    ping: alive,
    pong: ({ data }, bytes) => data.peerLink?.ponged(bytes.toString()),
    drain: alive,
    close: (ws, code) => {
      if (ws.data.peerLink) peers.closed(ws.data.peerLink, `connection closed (${code})`);
    },
  };
}
