/**
 * An answer that a gateway which stops hands over to another one. `server/call` writes and reads it, and
 * `server/cluster` sends it: neither imports the other.
 */
export interface HandedAnswer {
  bytes: Uint8Array;
  /** JSON: all but the bytes. */
  rest: string;
}
