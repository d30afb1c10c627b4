/**
 * Why a socket between gateway and node was closed. The code tells a node whether and how soon it
 * makes sense to reconnect with the same configuration.
 */
export const CloseCode = Object.freeze({
  /** The peer has finished; nothing went wrong. */
  normal: 1000,
  /** The gateway is stopping: reconnect after a jittered delay. */
  restart: 1012,
  /** The token was revoked or replaced: dialling again with it is pointless. */
  revoked: 4001,
  /** No REGISTER came in time. */
  notRegistered: 4002,
  /** Ten malformed frames in a row, or frames for calls that are not this node's. */
  protocol: 4003,
});

export type CloseCode = typeof CloseCode[keyof typeof CloseCode];
