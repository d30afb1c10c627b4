/**
 * An answer on its way from a gateway that leaves to another one. The room that keeps answers writes and
 * reads it, and the room of the links between gateways carries it: neither knows the other.
 */
export interface HandedAnswer {
  bytes: Uint8Array;
  /** JSON: all but the bytes. */
  rest: string;
}
