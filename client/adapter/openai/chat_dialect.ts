/** OpenAI's endpoints, and others in their manner: how the streams of each are followed, and how a whole answer becomes one. */

import {
  Endpoint,
  endpointSpecs,
  everyEndpoint,
  type StreamingEndpoint,
} from "../../../protocol/mod.ts";
import { chatChunks, completionChunks } from "./answer_chunks.ts";
import { ChunkStream } from "./chunk_stream.ts";
import type { Json } from "./json_object.ts";
import { responseEvents } from "./response_events.ts";
import { ResponseStream } from "./response_stream.ts";
import type { StreamFollower } from "./stream_follower.ts";

export interface OpenAiDialect {
  /** How its streams are read. Null: its answers are always whole. */
  stream: DialectStream | null;
  /** Whether a whole answer tells of a failure although its status was 200. */
  isFailure(answer: Json): boolean;
}

const whole: OpenAiDialect = { stream: null, isFailure: holdsError };

export interface DialectStream {
  follow(): StreamFollower;
  /** A whole answer, told as the stream that was asked for. */
  tell(answer: Json, includeUsage: boolean): string[];
}

/** A new endpoint whose answers stream is a row here. */
const streaming: Readonly<Record<Exclude<StreamingEndpoint, "/v1/messages">, OpenAiDialect>> = {
  [Endpoint.chat]: {
    stream: { follow: () => new ChunkStream("chat"), tell: chatChunks },
    isFailure: holdsError,
  },
  [Endpoint.completions]: {
    stream: { follow: () => new ChunkStream("text"), tell: completionChunks },
    isFailure: holdsError,
  },
  [Endpoint.responses]: {
    stream: { follow: () => new ResponseStream(), tell: responseEvents },
    // A response that failed is an answer: it says so itself.
    isFailure: (answer) => answer.object !== "response" && holdsError(answer),
  },
};

const ofOpenAi = everyEndpoint.filter((path) => endpointSpecs[path].api === "openai");

/** Every endpoint of OpenAI's API. */
export const openAiDialects: Readonly<Partial<Record<Endpoint, OpenAiDialect>>> = Object.freeze({
  ...Object.fromEntries(ofOpenAi.map((path) => [path, whole])),
  ...streaming,
});

/** Servers that have said 200 can still fail: the error then stands where the answer would. */
export function holdsError(answer: Json): boolean {
  return answer.object === "error" || Boolean(answer.error);
}
