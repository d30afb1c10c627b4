/** Bytes that are kept must not keep a larger message alive. */

/** The bytes to keep: a copy where their buffer is more than twice as long, else the bytes themselves. */
export function owned(bytes: Uint8Array): Uint8Array {
  // `slice` would not do: a Buffer's is a view as well.
  return bytes.buffer.byteLength > 2 * bytes.byteLength ? new Uint8Array(bytes) : bytes;
}
