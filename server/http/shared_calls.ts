/** Requests with an Idempotency-Key: the first runs, the others get its answer, from the event on that they name. */

import type { Key } from "../account/keyring.ts";
import { ColinkError } from "../base/error.ts";
import type { Attachment, LeaveCode, SharedAnswer } from "../call/shared_answer.ts";
import type { Claim } from "../call/shared_answers.ts";
import type { PeerQuestion } from "../call/peer_answers.ts";
import { giveAgain, giveAsIs, isAsIs } from "../call/stored_responses.ts";
import type { AnswerReader } from "../node/kept_answer.ts";
import { stopError } from "../schedule/call.ts";
import { HttpAnswer } from "./answer.ts";
import type { BodyConnection } from "./answer_body.ts";
import type { InferenceRequest } from "./call_reader.ts";
import { checkedBody, readBody } from "./body.ts";
import { withinLimit } from "./credentials.ts";
import { type EndpointRow, routingFields } from "./endpoints.ts";
import { headerText } from "./headers.ts";
import type { AppParts } from "./parts.ts";

/** The first request with its key. */
export interface FirstRequest extends Attachment {
  settle: Extract<Claim, { is: "first" }>["settle"];
}

/** Runs a request as a call of its own. */
type TakeCall = (
  received: InferenceRequest,
  endpoint: EndpointRow,
  key: Key,
  parts: AppParts,
  first: FirstRequest | null,
) => Promise<Response>;

/** Visible characters of ASCII. */
const KEY = /^[\x21-\x7e]{8,255}$/;
const EVENT_NUMBER = /^\d{1,15}$/;

const DEFAULT_RESUME_SECONDS = 30;
const MAX_RESUME_SECONDS = 300;

/** Requests for an answer that exists are counted apart from calls, with limits of the same size. */
export const REPLAY_ALLOWANCE = "replay:";

export async function answerKeyed(
  idempotencyKey: string,
  received: InferenceRequest,
  endpoint: EndpointRow,
  key: Key,
  parts: AppParts,
  takeCall: TakeCall,
): Promise<Response> {
  const attachment = attachmentOf(idempotencyKey, received.request.headers);
  if (parts.config.replayMs === 0) {
    received.headers["x-colink-resumable"] = "no";
    return takeCall(received, endpoint, key, parts, null);
  }
  const name = { accountId: key.accountId, kind: "key", name: idempotencyKey } as const;
  const claim = await parts.sharedAnswers.claim(name, received.requestId);
  if (claim.is !== "first") {
    return repeat(idempotencyKey, claim, received, endpoint, key, attachment, parts);
  }
  try {
    if (attachment.after !== null) throw unknownKey();
    const first = { ...attachment, settle: claim.settle };
    return await takeCall(received, endpoint, key, parts, first);
  } catch (error) {
    claim.settle(null, "");
    throw error;
  }
}

/** Gives a caller the answer, from where it wants to go on. Throws as `SharedAnswer.attach`. */
export function attach(
  answer: SharedAnswer,
  received: InferenceRequest,
  endpoint: EndpointRow,
  attachment: Attachment,
  parts: AppParts,
): Promise<Response> {
  const { stream, keyId } = answer.call.request;
  const connect = (target: AnswerReader) =>
    isAsIs(answer) ? giveAsIs(answer, target) : answer.attach(target, attachment);
  return respond(connect, { stream, keyId }, received, endpoint, parts);
}

/** The answer that `connect` gives to a reader. */
export function respond(
  connect: (target: AnswerReader) => (code: LeaveCode) => void,
  { stream, keyId }: { stream: boolean; keyId: string },
  received: InferenceRequest,
  endpoint: EndpointRow,
  parts: AppParts,
): Promise<Response> {
  const { request, requestId, startedMs, headers } = received;
  let leave: ((code: LeaveCode) => void) | null = null;
  const stop = (code: LeaveCode) => {
    unsubscribe();
    leave?.(code);
  };
  // Its own key counts, whichever key of the account the call was made with.
  const unsubscribe = parts.keyring.revocations.subscribe((revoked) => {
    if (revoked.has(keyId)) stop("key_revoked");
  });
  const caller = { id: requestId, startedMs, request: { stream }, stop };
  const sentOn = connectionOf(received, parts);
  const connection = {
    progress: () => sentOn.progress(),
    ending: () => {
      unsubscribe();
      sentOn.ending();
    },
  };
  const writer = new HttpAnswer(caller, endpoint, parts.clock, parts.config, headers, connection);
  try {
    leave = connect(writer);
  } catch (error) {
    // Ends its timers.
    writer.fail(error as ColinkError);
    throw error;
  }
  if (request.signal.aborted) stop("caller_gone");
  request.signal.addEventListener("abort", () => stop("caller_gone"), { once: true });
  return writer.response;
}

/** The connection of a call, which may be silent for as long as its limits let it. */
export function connectionOf(received: InferenceRequest, parts: AppParts): BodyConnection {
  // The relay has its own limits; Bun's idle timer would end the call of a node that thinks for long.
  received.server.timeout(received.request, 0);
  return new CallerConnection(received, parts);
}

class CallerConnection implements BodyConnection {
  constructor(private readonly received: InferenceRequest, private readonly parts: AppParts) {}

  /** Closes the connection of a caller that neither takes the rest nor sends another request. */
  ending(): void {
    const { request, server } = this.received;
    server.timeout(request, this.parts.config.callerIdleMs / 1000);
  }

  progress(): Promise<string | null> {
    const { request, server, port } = this.received;
    return this.parts.sendQueues.of(port, server.requestIP(request)?.port);
  }
}

/** Tells requests apart: two with the same digest ask for the same answer. */
export function digestOf(path: string, body: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(`${path}\n`).update(body).digest("base64url");
}

/** The models whose answers the key may read: those that it may call, by their names or an alias's; null: all. */
export function readableModels(
  key: Key,
  { names, memberships }: Pick<AppParts, "names" | "memberships">,
): readonly string[] | null {
  if (key.models === null) return null;
  const groups = memberships.groupsOf(key.accountId);
  return key.models.flatMap((name) => [name, ...names.lookUp(key, name, groups)?.models ?? []]);
}

async function repeat(
  idempotencyKey: string,
  claim: Exclude<Claim, { is: "first" }>,
  received: InferenceRequest,
  endpoint: EndpointRow,
  key: Key,
  attachment: Attachment,
  parts: AppParts,
): Promise<Response> {
  const { request, headers } = received;
  const { limiter, settings } = parts;
  await withinLimit(key, limiter, settings.values.defaultRpm, headers, REPLAY_ALLOWANCE);
  const { digest, stream, model } = await digestRequest(request, endpoint, key, parts);
  const alias = parts.names.lookUp(key, model, parts.memberships.groupsOf(key.accountId));
  if (alias !== null) headers["x-colink-alias"] = headerText(model);
  const about = { ...attachment, digest, models: readableModels(key, parts) };
  const opened = (isEnded: boolean) => {
    headers["x-colink-replayed"] = isEnded ? "stored" : "live";
  };
  if (claim.is === "elsewhere") {
    const name = { accountId: key.accountId, kind: "key", name: idempotencyKey } as const;
    const question = { asks: "key", about, name, callId: claim.record.callId } as const;
    const connect = await connectElsewhere(claim.record.gateway, question, opened, parts);
    return respond(connect, { stream, keyId: key.id }, received, endpoint, parts);
  }
  opened(claim.answer.isEnded);
  const connect = (target: AnswerReader) => giveAgain(parts.sharedAnswers, claim, about, target);
  try {
    return await respond(connect, { stream, keyId: key.id }, received, endpoint, parts);
  } catch (error) {
    // A refusal is no answer that was given before.
    delete headers["x-colink-replayed"];
    throw error;
  }
}

/** How a caller here reads an answer that another gateway keeps. Throws `replay_gone` or `gateway_lost`. */
export async function connectElsewhere(
  gateway: string,
  question: PeerQuestion,
  opened: (isEnded: boolean) => void,
  { sharedAnswers }: Pick<AppParts, "sharedAnswers">,
): Promise<(target: AnswerReader) => (code: LeaveCode) => void> {
  const others = sharedAnswers.others!;
  const { name: { accountId }, callId } = question;
  const lost = async () =>
    others.standingOf(gateway) === "gone"
      ? await sharedAnswers.gone(accountId, callId)
      : new ColinkError(
        "gateway_lost",
        "Cannot continue: the gateway that runs this call does not answer; try again in a moment",
        { retryAfterMs: 1000 },
      );
  if (others.standingOf(gateway) !== "linked") throw await lost();
  return (target) => {
    const leave = others.ask(gateway, question, target, { opened, lost });
    return (code) => {
      if (leave(code === "caller_too_slow" ? code : "caller_gone")) target.fail(stopError(code));
    };
  };
}

/** Reads and checks the body, of which only the digest is kept. */
async function digestRequest(
  request: Request,
  { path }: EndpointRow,
  { accountId }: Key,
  { bodyBudget, config }: AppParts,
): Promise<{ digest: string; stream: boolean; model: string }> {
  const held = bodyBudget.hold(accountId);
  try {
    const body = await checkedBody(await readBody(request, config.maxBodyBytes, held));
    return { digest: digestOf(path, body.bytes), ...routingFields(body) };
  } finally {
    held.release();
  }
}

function attachmentOf(idempotencyKey: string, headers: Headers): Attachment {
  if (!KEY.test(idempotencyKey)) {
    throw new ColinkError(
      "invalid_request",
      "Cannot take the call: Idempotency-Key must be 8 to 255 visible characters of ASCII, without spaces",
      { param: "Idempotency-Key" },
    );
  }
  const sent = headers.get("last-event-id");
  if (sent !== null && sent !== "" && !EVENT_NUMBER.test(sent)) {
    throw new ColinkError(
      "invalid_request",
      "Cannot continue: Last-Event-ID must be the number of the last event that arrived, as in its id",
      { param: "Last-Event-ID" },
    );
  }
  return { after: sent ? Number(sent) : null, lingerMs: lingerMsOf(headers) };
}

/** How long the call goes on without its caller. */
function lingerMsOf(headers: Headers): number {
  const sent = headers.get("x-colink-resume-seconds") ?? String(DEFAULT_RESUME_SECONDS);
  const seconds = Number(sent);
  if (sent.trim() !== "" && seconds >= 0 && seconds <= MAX_RESUME_SECONDS) return seconds * 1000;
  throw new ColinkError(
    "invalid_request",
    `Cannot take the call: x-colink-resume-seconds must be a number from 0 to ${MAX_RESUME_SECONDS}`,
    { param: "x-colink-resume-seconds" },
  );
}

function unknownKey(): ColinkError {
  return new ColinkError(
    "replay_gone",
    "Cannot continue after that event: no answer is kept for this Idempotency-Key, or no longer; " +
      "send the request without Last-Event-ID to run it again",
    { param: "Last-Event-ID" },
  );
}
