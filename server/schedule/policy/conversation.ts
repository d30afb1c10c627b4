/** Digests of a conversation's beginnings. */

import { arrayItems, Endpoint, lastMember, objectMembers } from "../../../protocol/mod.ts";

/** Messages beyond this number have no digest. */
const MAX_MESSAGES = 1_000;

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

/**
 * Digests of a body's first message, of its first two, and so on. Equal beginnings have equal digests
 * as long as the client serialises its messages the same way each time. With the seed, a guessed
 * message can be tested against a digest.
 */
export function prefixDigests(endpoint: Endpoint, bodyText: string, seed: bigint): bigint[] {
  const shape = shapes[endpoint];
  if (shape === undefined) return [];
  const members = objectMembers(bodyText);
  const messages = lastMember(members, shape.messages);
  if (messages === undefined) return [];
  const preamble = shape.preamble === undefined ? undefined : lastMember(members, shape.preamble);
  const digests: bigint[] = [];
  let digest = preamble === undefined ? seed : digestOf(bodyText, preamble, seed);
  for (const item of arrayItems(bodyText, messages.start)) {
    if (digests.length === MAX_MESSAGES) break;
    digest = digestOf(bodyText, item, digest);
    digests.push(digest);
  }
  return digests;
}

function digestOf(text: string, { start, end }: { start: number; end: number }, seed: bigint) {
  return BigInt(Bun.hash(text.slice(start, end), seed));
}
