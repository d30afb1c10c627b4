/** Responses that their callers asked to be stored: kept in memory with the other answers, whatever provider gave them. */

import { ColinkError } from "../base/error.ts";
import type { AnswerName, AnswerReader } from "../node/kept_answer.ts";
import {
  IDENTIFYING_EVENTS,
  type LeaveCode,
  replayGone,
  type SharedAnswer,
  type StoredTerms,
} from "./shared_answer.ts";
import {
  type AttachQuestion,
  expectModel,
  expectReadable,
  type NamedAnswer,
  type SharedAnswers,
} from "./shared_answers.ts";

type Json = Record<string, unknown>;

export type ResponseVerb = "retrieve" | "cancel" | "delete" | "input_items" | "context";

export interface ResponseQuestion {
  verb: ResponseVerb;
  /** The request's parameters, as in its address. */
  search: string;
  /** The models whose answers the caller's key may read; null, or absent from gateways of earlier versions: all. */
  models?: readonly string[] | null;
}

/** What a later request goes on from: the items that the model has read and written. */
export interface ResponseContext {
  input: unknown[];
  output: unknown[];
}

const GONE = (): void => {};

export class StoredResponses {
  constructor(private readonly answers: SharedAnswers) {}

  /** Answers a question about a response. Returns how the caller leaves. Throws ColinkError. */
  serve(
    name: AnswerName,
    question: ResponseQuestion,
    target: AnswerReader,
  ): (code: LeaveCode) => void {
    const answer = this.answers.find(name)?.answer ?? null;
    if (answer === null || answer.stored === null) throw responseUnknown(name.name);
    expectModel(question.models ?? null, answer.call.request.model);
    const search = new URLSearchParams(question.search);
    if (question.verb === "retrieve" && search.get("stream") === "true") {
      return answer.attach(target, { after: placeOf(answer, search), lingerMs: null });
    }
    const stored = { answer, terms: answer.stored };
    const json = question.verb === "delete"
      ? this.#delete(name, stored)
      : views[question.verb](stored, search);
    target.whole(JSON.stringify(json));
    return GONE;
  }

  /** What a request goes on from that names the response. Throws where it is not complete, or not kept. */
  context(name: AnswerName, models: readonly string[] | null): ResponseContext | null {
    const answer = this.answers.find(name)?.answer ?? null;
    if (answer === null || answer.stored === null) return null;
    expectModel(models, answer.call.request.model);
    return contextOf({ answer, terms: answer.stored });
  }

  #delete({ name, ...rest }: AnswerName, { answer }: Stored): Json {
    this.answers.release({ name, ...rest });
    if (!answer.isEnded) answer.call.stop("call_cancelled");
    return { id: name, object: "response", deleted: true };
  }
}

/** Gives a caller who sends a request again its answer, or a response in the background as it is now. Throws ColinkError. */
export function giveAgain(
  answers: SharedAnswers,
  named: Pick<NamedAnswer, "answer" | "digest">,
  question: AttachQuestion,
  target: AnswerReader,
): (code: LeaveCode) => void {
  if (!isAsIs(named.answer!)) return answers.attach(named, question, target);
  expectReadable(named, question);
  return giveAsIs(named.answer!, target);
}

/** Whether a caller gets it as it is now, and asks for it again later: a response in the background. */
export function isAsIs({ stored, call }: SharedAnswer): boolean {
  return stored !== null && stored.background && !call.request.stream;
}

/** Gives a stored response as it is now. */
export function giveAsIs(answer: SharedAnswer, target: AnswerReader): (code: LeaveCode) => void {
  target.whole(JSON.stringify(viewOf({ answer, terms: answer.stored! })));
  return GONE;
}

interface Stored {
  answer: SharedAnswer;
  terms: StoredTerms;
}

const views: Readonly<
  Record<Exclude<ResponseVerb, "delete">, (stored: Stored, search: URLSearchParams) => object>
> = Object.freeze({
  retrieve: viewOf,
  cancel: cancelled,
  input_items: inputItems,
  context: contextOf,
});

/** The response as it is now. Throws `replay_gone`. */
function viewOf({ answer, terms }: Stored): Json {
  const { call, failure, rejection } = answer;
  const given = givenOf(answer);
  const base = given ?? skeleton(answer, terms);
  const view: Json = {
    ...base,
    ...(terms.isOwnId ? { id: terms.id } : {}),
    background: terms.background,
    store: true,
    previous_response_id: terms.previousId,
  };
  if (call.stopped !== null && given?.status !== "completed") {
    const isCancelled = call.stopped.kind.outcome === "cancelled";
    return { ...view, ...(isCancelled ? { status: "cancelled" } : failedAs(call.stopped)) };
  }
  if (failure !== null) return { ...view, ...failedAs(failure) };
  if (rejection !== null) {
    return {
      ...view,
      status: "failed",
      error: { code: "server_error", message: wordsOf(rejection.body) },
    };
  }
  return view;
}

/** The newest of the response that its provider has given; null: nothing yet. */
function givenOf(answer: SharedAnswer): Json | null {
  const { log, isKept, call } = answer;
  if (!isKept) throw replayGone(answer);
  if (log.length === 0) return null;
  if (!call.request.stream) return objectIn(log.from(0).toString());
  return responseIn(log.event(answer.isEnded ? log.events : 1)) ?? responseIn(log.event(1));
}

/** The response in an event of a stream; null: it has none. */
function responseIn(event: string): Json | null {
  const data = /^data: ?(.*)$/m.exec(event)?.[1];
  const response = data === undefined ? undefined : objectIn(data)?.response;
  return typeof response === "object" && response !== null ? response as Json : null;
}

/** The id that the provider has given the response; null: it has not yet. */
export function responseIdIn({ log, call }: SharedAnswer): string | null {
  if (!call.request.stream) return idIn(objectIn(log.from(0).toString()));
  for (let event = 1; event <= Math.min(log.events, IDENTIFYING_EVENTS); event++) {
    const id = idIn(responseIn(log.event(event)));
    if (id !== null) return id;
  }
  return null;
}

const MAX_ID_CHARS = 200;

function idIn(response: Json | null): string | null {
  const id = response?.id;
  return typeof id === "string" && id.length <= MAX_ID_CHARS ? id : null;
}

/** A response before its provider has said anything. */
function skeleton({ call, hasHead }: SharedAnswer, { id, echo }: StoredTerms): Json {
  return {
    id,
    object: "response",
    created_at: Math.floor(call.startedAt / 1000),
    status: hasHead ? "in_progress" : "queued",
    error: null,
    incomplete_details: null,
    model: call.request.model,
    output: [],
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: null,
    tool_choice: "auto",
    tools: [],
    top_p: null,
    usage: null,
    ...(echo === null ? {} : objectIn(echo)),
  };
}

function failedAs({ code, message }: ColinkError): Json {
  return { status: "failed", error: { code, message } };
}

function wordsOf(body: unknown): string {
  const json = typeof body === "string" ? objectIn(body) : body as Json;
  const { error = json } = (json ?? {}) as { error?: unknown };
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : "The provider refused the request";
}

function cancelled(stored: Stored): Json {
  const { answer, terms } = stored;
  if (!terms.background) {
    throw new ColinkError(
      "invalid_request",
      "Cannot cancel the response: only one that was made with background: true can be cancelled; close its connection instead",
    );
  }
  if (!answer.isEnded) answer.call.stop("call_cancelled");
  return viewOf(stored);
}

const DEFAULT_ITEMS = 20;
const MAX_ITEMS = 100;

function inputItems({ terms }: Stored, search: URLSearchParams): Json {
  const all = itemsOf(terms).map((item, i) => ({ id: `item_${terms.id}_${i}`, ...item as Json }));
  if (search.get("order") !== "asc") all.reverse();
  const limit = Number(search.get("limit") ?? DEFAULT_ITEMS);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ITEMS) {
    throw new ColinkError(
      "invalid_request",
      `Cannot list the items: limit must be from 1 to ${MAX_ITEMS}`,
      {
        param: "limit",
      },
    );
  }
  const after = search.get("after");
  const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const data = all.slice(from, from + limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < all.length,
  };
}

/** Reasoning that its provider has not sealed is of no use to another, and is refused there. */
function isPortable(item: unknown): boolean {
  if (typeof item !== "object" || item === null) return false;
  const { type, encrypted_content } = item as { type?: string; encrypted_content?: unknown };
  return type !== "reasoning" || typeof encrypted_content === "string";
}

function contextOf(stored: Stored): ResponseContext {
  const { output, status } = viewOf(stored);
  if (status === "queued" || status === "in_progress") {
    throw new ColinkError(
      "previous_response_not_found",
      "Cannot continue from the previous response: it is not complete yet; wait for its end",
      { param: "previous_response_id" },
    );
  }
  // Its node may have given anything as output.
  const items = Array.isArray(output) ? output.filter(isPortable) : [];
  return { input: itemsOf(stored.terms), output: items };
}

function itemsOf({ input, id }: StoredTerms): unknown[] {
  if (input !== null) return JSON.parse(input) as unknown[];
  throw new ColinkError(
    "replay_gone",
    `Cannot read the input of ${id}: it was too large to be kept; send the whole conversation as input`,
  );
}

/** The items of a request's `input`, as the API lists them. */
export function inputItemsOf(input: unknown): unknown[] {
  const items = Array.isArray(input) ? input : [{ role: "user", content: input ?? "" }];
  return items.map((item: Json) => {
    if (typeof item?.content !== "string" || (item.type ?? "message") !== "message") return item;
    const type = item.role === "assistant" ? "output_text" : "input_text";
    return { type: "message", ...item, content: [{ type, text: item.content }] };
  });
}

/** Behind which event a stream goes on: that with the sequence number `starting_after`. */
function placeOf(answer: SharedAnswer, search: URLSearchParams): number | null {
  if (!answer.call.request.stream) {
    throw new ColinkError(
      "invalid_request",
      "Cannot stream the response: it was made without stream: true",
      { param: "stream" },
    );
  }
  const sent = search.get("starting_after");
  if (sent === null) return null;
  if (!/^\d{1,15}$/.test(sent)) throw badPlace("a number", sent);
  const { log } = answer;
  const number = Number(sent);
  // Usually they count from 0. Some servers leave them out.
  const usual = number < log.events ? sequenceNumber(log.event(number + 1)) : undefined;
  if (usual === number || usual === null) return number + 1;
  for (let event = 1; event <= log.events; event++) {
    if (sequenceNumber(log.event(event)) === number) return event;
  }
  if (!answer.isKept) return null;
  throw badPlace("the sequence number of an event that was sent", sent);
}

function badPlace(what: string, sent: string): ColinkError {
  return new ColinkError(
    "invalid_request",
    `Cannot continue: starting_after must be ${what}, not ${sent.slice(0, 20)}`,
    { param: "starting_after" },
  );
}

function sequenceNumber(event: string): number | null {
  const found = /"sequence_number"\s*:\s*(\d+)/.exec(event)?.[1];
  return found === undefined ? null : Number(found);
}

function responseUnknown(id: string): ColinkError {
  return new ColinkError(
    "not_found",
    `Cannot find the response ${id.slice(0, 100)}: it is not stored here, or no longer; ` +
      "only responses made with store: true or background: true are, for some minutes",
  );
}

function objectIn(text: string): Json | null {
  try {
    const json = JSON.parse(text) as Json | null;
    return typeof json === "object" ? json : null;
  } catch {
    return null;
  }
}
