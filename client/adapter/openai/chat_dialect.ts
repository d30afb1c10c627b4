/** The endpoints of OpenAI-compatible servers: how each one's streams are followed and whole answers expanded. */

import {
  Endpoint,
  endpointSpecs,
  everyEndpoint,
  type StreamingEndpoint,
} from "../../../protocol/mod.ts";
import { chatChunks, completionChunks } from "./answer_chunks.ts";
import { ChunkStream } from "./chunk_stream.ts";
import type { Json } from "../json_object.ts";
import { gatherChat, gatherText, lastResponse } from "./gather.ts";
import { responseEvents } from "./response_events.ts";
import { ResponseStream } from "./response_stream.ts";
import type { StreamFollower } from "./stream_follower.ts";
import { repairCompletion } from "./whole_repair.ts";

export interface OpenAiDialect {
  /** How the endpoint's streams are read. Null: answers are always whole. */
  stream: DialectStream | null;
  /** Whether a whole answer reports a failure despite status 200. */
  isFailure(answer: Json): boolean;
  /** Repairs a whole answer's text. Absent: it passes unchanged. */
  repair?(text: string, answer: Json): string;
}

const whole: OpenAiDialect = { stream: null, isFailure: holdsError };

export interface DialectStream {
  follow(): StreamFollower;
  /** Expands a whole answer into the events of the requested stream. */
  expand(answer: Json, includeUsage: boolean): string[];
  /** Gathers a stream's events into the whole answer that was requested. */
  gather(events: readonly Json[]): Json;
}

/** A new endpoint whose answers stream is a row here. */
const streaming: Readonly<Record<Exclude<StreamingEndpoint, "/v1/messages">, OpenAiDialect>> = {
  [Endpoint.chat]: {
    stream: { follow: () => new ChunkStream("chat"), expand: chatChunks, gather: gatherChat },
    isFailure: holdsError,
    repair: repairCompletion,
  },
  [Endpoint.completions]: {
    stream: { follow: () => new ChunkStream("text"), expand: completionChunks, gather: gatherText },
    isFailure: holdsError,
  },
  [Endpoint.responses]: {
    stream: { follow: () => new ResponseStream(), expand: responseEvents, gather: lastResponse },
    // A failed response is a valid answer: its status reports the failure.
    isFailure: (answer) => answer.object !== "response" && holdsError(answer),
  },
};

const ofOpenAi = everyEndpoint.filter((path) => endpointSpecs[path].api === "openai");

/** Every endpoint of OpenAI's API. */
export const openAiDialects: Readonly<Partial<Record<Endpoint, OpenAiDialect>>> = Object.freeze({
  ...Object.fromEntries(ofOpenAi.map((path) => [path, whole])),
  ...streaming,
});

/** A failure after status 200: an error object in place of the answer. */
export function holdsError(answer: Json): boolean {
  return answer.object === "error" || Boolean(answer.error);
}
