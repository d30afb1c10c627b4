/** Digests of a conversation's beginnings. */

import {
  arrayItems,
  Endpoint,
  lastMember,
  objectMembers,
  structureProblem,
} from "../../../protocol/mod.ts";

/** Messages beyond this number have no digest. */
const MAX_MESSAGES = 1_000;

/**
 * A longer body with more steps of a scan (see StructureLimits) has no digests: to find its messages
 * would block the event loop for up to 200 ms. Pictures of 10 MiB take a few, prose one per quote.
 */
const LONG_CHARS = 256 * 1024;
const MAX_STEPS = 1_000_000;

/** The members of an endpoint's bodies that hold a conversation. */
interface Shape {
  /** The list of its messages. */
  readonly messages: string;
  /** What the model reads before the messages. */
  readonly preamble?: string;
}

/** Other endpoints have no conversations. */
const shapes: Readonly<{ [E in Endpoint]?: Shape }> = Object.freeze({
  [Endpoint.chat]: { messages: "messages" },
  [Endpoint.messages]: { messages: "messages", preamble: "system" },
  [Endpoint.responses]: { messages: "input", preamble: "instructions" },
});

/** A beginning of a conversation. */
export interface Prefix {
  readonly digest: bigint;
  /** Its length in the body. */
  readonly chars: number;
}

/** See `prefixesOf`. */
export function prefixDigests(endpoint: Endpoint, bodyText: string, seed: bigint): bigint[] {
  return prefixesOf(endpoint, bodyText, seed).map(({ digest }) => digest);
}

/**
 * Digests of a body's first message, of its first two, and so on. Equal beginnings have equal digests
 * as long as the client serialises its messages the same way each time. With the seed, a guessed
 * message can be tested against a digest.
 */
export function prefixesOf(endpoint: Endpoint, bodyText: string, seed: bigint): Prefix[] {
  const shape = shapes[endpoint];
  if (shape === undefined || isDense(bodyText)) return [];
  const members = objectMembers(bodyText);
  const messages = lastMember(members, shape.messages);
  if (messages === undefined) return [];
  const preamble = shape.preamble === undefined ? undefined : lastMember(members, shape.preamble);
  const prefixes: Prefix[] = [];
  let digest = preamble === undefined ? seed : digestOf(bodyText, preamble, seed);
  const preambleChars = preamble === undefined ? 0 : preamble.end - preamble.start;
  for (const item of arrayItems(bodyText, messages.start)) {
    if (prefixes.length === MAX_MESSAGES) break;
    digest = digestOf(bodyText, item, digest);
    prefixes.push({ digest, chars: preambleChars + item.end - messages.start });
  }
  return prefixes;
}

function isDense(text: string): boolean {
  return text.length > LONG_CHARS &&
    structureProblem(text, { maxDepth: Infinity, maxSteps: MAX_STEPS }) !== null;
}

function digestOf(text: string, { start, end }: { start: number; end: number }, seed: bigint) {
  return BigInt(Bun.hash(text.slice(start, end), seed));
}
