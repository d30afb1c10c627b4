/** The part of an HTTP response that the node reads. The runtime's own Response implements it. */

import { Pieces } from "./pieces.ts";

/** A response's headers: names in any case. */
export type HttpHeaders = Pick<Headers, "get" | "has"> & Iterable<[name: string, value: string]>;

/** Pulls a body piece by piece: what is not read stays with its sender. */
export interface BodyReader {
  /** Rejects with the connection's error. */
  read(): Promise<Bun.ReadableStreamDefaultReadResult<Uint8Array>>;
  /** Ends the connection of a body that is not at its end. */
  cancel(): Promise<void>;
}

/** What the node's own client says of a request that failed; the runtime's does not know. */
export interface HttpFailure {
  /** Whether its server had ended the kept connection, it seems, before the request came. */
  isStale?: boolean;
}

export interface HttpResponse {
  readonly status: number;
  /** Whether the status is a success. */
  readonly ok: boolean;
  readonly headers: HttpHeaders;
  readonly body: { getReader(): BodyReader; cancel(): Promise<void> } | null;
  /** The whole body as UTF-8. Not after `body` was read. */
  text(): Promise<string>;
}

/** Reads a body to its end, as UTF-8. */
export async function wholeText(reader: BodyReader): Promise<string> {
  const pieces = new Pieces();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
  }
  return new TextDecoder().decode(pieces.joined);
}
