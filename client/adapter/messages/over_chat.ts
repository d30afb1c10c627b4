/** Serves /v1/messages through a provider of chat completions: translates requests and answers. */

import { Endpoint } from "../../../protocol/mod.ts";
import { type Adapter, type AdapterCall, type Piece, UpstreamFailure } from "../adapter.ts";
import { jsonTexts } from "../sse/json_texts.ts";
import { chatRequest, type ProviderQuirks } from "./chat_request.ts";
import { type AnswerTerms, type ChatChunk, EventEncoder } from "./event_encoder.ts";
import { type ChatCompletion, messageOf } from "./message.ts";
import { readMessagesRequest } from "./messages_request.ts";

/**
 * Answers a call to /v1/messages through `chat`, an adapter for chat completions, whose pieces are
 * already repaired: complete chunks or one completion, and a failure for a truncated answer.
 */
export async function* messagesOverChat(
  call: AdapterCall,
  chat: Adapter,
  quirks: ProviderQuirks,
  newId: () => string = () => crypto.randomUUID().replaceAll("-", ""),
): AsyncIterable<string> {
  const request = readMessagesRequest(call.bodyText);
  const terms: AnswerTerms = {
    model: call.askedModel,
    stops: request.stop_sequences ?? [],
    newId,
  };
  const body = chatRequest({ ...request, stream: call.stream }, call.model, quirks);
  const pieces = chat.answer({
    ...call,
    endpoint: Endpoint.chat,
    headers: {},
    bodyText: JSON.stringify(body),
    hidesUsage: false,
  });
  try {
    yield* call.stream ? eventsOf(pieces, terms) : messageIn(pieces, terms);
  } catch (failure) {
    throw failure instanceof UpstreamFailure ? withoutBody(failure) : failure;
  }
}

async function* eventsOf(pieces: AsyncIterable<Piece>, terms: AnswerTerms): AsyncIterable<string> {
  const encoder = new EventEncoder(terms);
  for await (const piece of pieces) {
    for (const text of jsonTexts(piece)) {
      for (const event of encoder.encode(JSON.parse(text) as ChatChunk)) {
        yield JSON.stringify(event);
      }
    }
  }
  for (const event of encoder.end()) yield JSON.stringify(event);
}

async function* messageIn(pieces: AsyncIterable<Piece>, terms: AnswerTerms): AsyncIterable<string> {
  for await (const piece of pieces) {
    for (const text of jsonTexts(piece)) {
      yield JSON.stringify(messageOf(JSON.parse(text) as ChatCompletion, terms));
    }
  }
}

/** Drops the provider's error body, which is in OpenAI's dialect; the error object stays. */
function withoutBody(failure: UpstreamFailure): UpstreamFailure {
  const { code, message, error, headers, retryAfterMs, cause } = failure;
  return new UpstreamFailure(code, message, {
    headers,
    ...(error ? { error } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause,
  });
}
