/** OpenAI's endpoints, and others in their manner: how the streams of each are followed, and how a whole answer becomes one. */

import { Endpoint } from "../../../protocol/mod.ts";
import { chatChunks, completionChunks } from "./answer_chunks.ts";
import { ChunkStream } from "./chunk_stream.ts";
import type { Json } from "./json_object.ts";
import { ResponseStream } from "./response_stream.ts";
import type { StreamFollower } from "./stream_follower.ts";

export interface OpenAiDialect {
  /** Null: its answers are always whole. */
  follow: (() => StreamFollower) | null;
  /** A whole answer, told as the stream that was asked for. Null: cannot be told so. */
  asStream: ((answer: Json, includeUsage: boolean) => string[]) | null;
  /** Whether a whole answer tells of a failure although its status was 200. */
  isFailure(answer: Json): boolean;
  /** Few servers have it: a model is offered there only where its owner or its server says so. */
  isRare?: true;
}

const whole: OpenAiDialect = { follow: null, asStream: null, isFailure: holdsError };

/** A new endpoint is a row here. */
export const openAiDialects: Readonly<Partial<Record<Endpoint, OpenAiDialect>>> = Object.freeze({
  [Endpoint.chat]: {
    follow: () => new ChunkStream("chat"),
    asStream: chatChunks,
    isFailure: holdsError,
  },
  [Endpoint.completions]: {
    follow: () => new ChunkStream("text"),
    asStream: completionChunks,
    isFailure: holdsError,
  },
  [Endpoint.embeddings]: whole,
  [Endpoint.responses]: {
    follow: () => new ResponseStream(),
    asStream: null,
    // A response that failed is an answer: it says so itself.
    isFailure: (answer) => answer.object !== "response" && holdsError(answer),
  },
  [Endpoint.rerank]: { ...whole, isRare: true },
  [Endpoint.moderations]: { ...whole, isRare: true },
});

/** Servers that have said 200 can still fail: the error then stands where the answer would. */
export function holdsError(answer: Json): boolean {
  return answer.object === "error" || Boolean(answer.error);
}
