/** Serves /v1/messages with a provider that knows chat completions only: translates there and back. */

import { Endpoint } from "../../../protocol/mod.ts";
import { type Adapter, type AdapterCall, type Piece, UpstreamFailure } from "../adapter.ts";
import { textsOf } from "../sse/piece_texts.ts";
import { chatRequest, type ProviderQuirks } from "./chat_request.ts";
import { type AnswerTerms, EventEncoder, type SeenChunk } from "./event_encoder.ts";
import { messageOf, type SeenCompletion } from "./message.ts";
import { readMessagesRequest } from "./messages_request.ts";

/**
 * Answers a call to /v1/messages through `chat`, which serves chat completions. What `chat` yields
 * is expected to be mended already: chunks or a completion, and a failure for whatever is cut short.
 */
export async function* messagesOverChat(
  call: AdapterCall,
  chat: Adapter,
  manners: ProviderQuirks,
  newId: () => string = () => crypto.randomUUID().replaceAll("-", ""),
): AsyncIterable<string> {
  const request = readMessagesRequest(call.bodyText);
  const terms: AnswerTerms = {
    model: call.askedModel,
    stops: request.stop_sequences ?? [],
    newId,
  };
  const body = chatRequest({ ...request, stream: call.stream }, call.model, manners);
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
    for (const text of textsOf(piece)) {
      for (const event of encoder.encode(JSON.parse(text) as SeenChunk)) {
        yield JSON.stringify(event);
      }
    }
  }
  for (const event of encoder.end()) yield JSON.stringify(event);
}

async function* messageIn(pieces: AsyncIterable<Piece>, terms: AnswerTerms): AsyncIterable<string> {
  for await (const piece of pieces) {
    for (const text of textsOf(piece)) {
      yield JSON.stringify(messageOf(JSON.parse(text) as SeenCompletion, terms));
    }
  }
}

/** The provider's own words are in OpenAI's dialect; the failure itself can be told in any. */
function withoutBody(failure: UpstreamFailure): UpstreamFailure {
  const { code, message, error, headers, retryAfterMs, cause } = failure;
  return new UpstreamFailure(code, message, {
    headers,
    ...(error ? { error } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause,
  });
}
