/**
 * Serves a call in one dialect through a provider of another: the call is read into the neutral
 * request, and the provider's neutral events are written in the caller's dialect.
 */

import { Endpoint, endpointSpecs } from "../../../protocol/mod.ts";
import { type AdapterCall, UpstreamFailure } from "../adapter.ts";
import { ChatAnswerWriter, chatCompletion } from "../chat/answer_writer.ts";
import { readChatRequest } from "../chat/request_reader.ts";
import { MessageAnswerWriter, messageOf } from "../messages/answer_writer.ts";
import { readMessagesRequest } from "../messages/request_reader.ts";
import { toJsonText } from "../raw_json.ts";
import { ResponseAnswerWriter, responseOf } from "../responses/answer_writer.ts";
import { readResponsesRequest } from "../responses/request_reader.ts";
import { type Answer, type AnswerEvent, gatherAnswer } from "./answer_event.ts";
import type { ModelRequest } from "./model_request.ts";

/** What an answer's writer knows of its call. */
export interface AnswerTerms {
  /** The model's name in the answer. */
  model: string;
  /** Seconds since 1970. */
  created: number;
  request: ModelRequest;
  /** The caller's body. */
  bodyText: string;
  /** Generates an unguessable id. */
  newId(): string;
}

interface AnswerWriter {
  write(event: AnswerEvent): object[];
}

/** How callers of one dialect are served. */
interface CallerDialect {
  read(bodyText: string): ModelRequest;
  writer(terms: AnswerTerms): AnswerWriter;
  whole(answer: Answer, terms: AnswerTerms): object;
}

const chatTerms = ({ request, ...terms }: AnswerTerms) => ({
  ...terms,
  includeUsage: request.includeUsage,
  wantsThinking: request.wantsThinking,
});

const dialects: Readonly<Partial<Record<Endpoint, CallerDialect>>> = Object.freeze({
  [Endpoint.chat]: {
    read: readChatRequest,
    writer: (terms) => new ChatAnswerWriter(chatTerms(terms)),
    whole: (answer, terms) => chatCompletion(answer, chatTerms(terms)),
  },
  [Endpoint.messages]: {
    read: readMessagesRequest,
    writer: (terms) => new MessageAnswerWriter(terms),
    whole: messageOf,
  },
  [Endpoint.responses]: {
    read: readResponsesRequest,
    writer: (terms) => new ResponseAnswerWriter(terms),
    whole: responseOf,
  },
});

/** The endpoints whose calls can be bridged. */
export const bridgedEndpoints = Object.keys(dialects) as Endpoint[];

/** Asks a provider in its own dialect. Throws an UpstreamFailure; `call` is the caller's. */
export type AskProvider = (request: ModelRequest, call: AdapterCall) => AsyncIterable<AnswerEvent>;

/** `nowMs`: the time of day. `newId` generates an unguessable id. */
export async function* bridged(
  call: AdapterCall,
  ask: AskProvider,
  nowMs: number,
  newId: () => string = () => crypto.randomUUID().replaceAll("-", ""),
): AsyncIterable<string> {
  const dialect = dialects[call.endpoint]!;
  const request = dialect.read(call.bodyText);
  const created = Math.floor(nowMs / 1000);
  const { askedModel: model, bodyText } = call;
  const terms: AnswerTerms = { model, created, request, bodyText, newId };
  try {
    const events = ask(request, call);
    if (call.stream) {
      const writer = dialect.writer(terms);
      for await (const event of events) {
        for (const written of writer.write(event)) yield toJsonText(written);
      }
    } else {
      yield toJsonText(dialect.whole(await gatherAnswer(events), terms));
    }
  } catch (failure) {
    const isOther = endpointSpecs[call.endpoint].api === "anthropic";
    throw isOther && failure instanceof UpstreamFailure ? withoutBody(failure) : failure;
  }
}

/** Drops the provider's error body, which is in OpenAI's shape; the error object stays. */
function withoutBody(failure: UpstreamFailure): UpstreamFailure {
  const { code, message, error, headers, retryAfterMs, isBusy, cause } = failure;
  return new UpstreamFailure(code, message, {
    headers,
    isBusy,
    ...(error ? { error } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause,
  });
}
