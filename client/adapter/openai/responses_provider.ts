/** Asks an OpenAI-compatible server for a neutral request, at /v1/responses. */

import { Endpoint } from "../../../protocol/mod.ts";
import type { AdapterCall } from "../adapter.ts";
import type { AnswerEvent } from "../bridge/answer_event.ts";
import type { ModelRequest } from "../bridge/model_request.ts";
import type { Quirks } from "../chat/quirks.ts";
import { parseObject } from "../json_object.ts";
import { toJsonText } from "../raw_json.ts";
import { ResponseAnswerReader } from "../responses/answer_reader.ts";
import { responsesBody } from "../responses/request_writer.ts";
import { jsonTexts } from "../sse/json_texts.ts";
import type { OpenAiRelay } from "./openai_relay.ts";
import { responseEvents } from "./response_events.ts";

export async function* responseAnswer(
  relay: OpenAiRelay,
  request: ModelRequest,
  call: AdapterCall,
  quirks: Quirks,
): AsyncIterable<AnswerEvent> {
  const pieces = await relay.open({
    ...call,
    endpoint: Endpoint.responses,
    headers: {},
    bodyText: toJsonText(responsesBody(request, call.model, quirks, call.stream)),
    hidesUsage: false,
  });
  const reader = new ResponseAnswerReader();
  for await (const piece of { [Symbol.asyncIterator]: () => pieces }) {
    for (const text of jsonTexts(piece)) {
      const events = call.stream ? [text] : responseEvents(parseObject(text));
      for (const event of events) yield* reader.read(parseObject(event));
    }
  }
}
