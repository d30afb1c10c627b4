/** Reads a provider's whole answers as text, bounded: each of them, and those that are being read at the same time. */

import type { HttpResponse } from "../../http/http_response.ts";
import { UpstreamFailure } from "../adapter.ts";
import { readWhole } from "../sse/event_stream.ts";

const MIB = 1024 * 1024;

/** The largest answer. It is parsed, which takes a multiple of its size. */
const MAX_ANSWER_BYTES = 64 * MIB;

/** Of all answers that are being read. */
const MAX_HELD_BYTES = 128 * MIB;

export class WholeAnswers {
  #heldBytes = 0;

  /** Throws an UpstreamFailure for a lost connection, an answer that is too large, or too many of them. */
  async read(response: HttpResponse, signal: AbortSignal): Promise<string> {
    let size = 0;
    const hold = (bytes: number) => {
      this.#heldBytes += bytes - size;
      size = bytes;
      if (this.#heldBytes > MAX_HELD_BYTES) throw tooMany();
    };
    try {
      return await readWhole(response, signal, MAX_ANSWER_BYTES, hold);
    } finally {
      this.#heldBytes -= size;
    }
  }
}

function tooMany(): UpstreamFailure {
  return new UpstreamFailure(503, "This node is reading as many large answers as it can hold", {
    isBusy: true,
  });
}
