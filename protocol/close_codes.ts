/**
 * Why a socket between gateway and node was closed. A node reads one thing from the code: whether
 * dialling again with the same configuration can help, and how eagerly.
 */
export const CloseCode = Object.freeze({
  /** The peer is done; nothing went wrong. */
  normal: 1000,
  /** The gateway is stopping: dial again after a jittered delay. */
  restart: 1012,
  /** The token was revoked or rotated: dialling again with the same one is pointless. */
  revoked: 4001,
  /** No REGISTER came in time. */
  notRegistered: 4002,
  /** Ten malformed frames in a row, or frames for calls that are not this node's. */
  protocol: 4003,
});

export type CloseCode = typeof CloseCode[keyof typeof CloseCode];
