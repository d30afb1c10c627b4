/** A conversation's beginnings as numbers that say nothing of what was said. */

import { arrayItems, Endpoint, lastMember, objectMembers } from "../../../protocol/mod.ts";

/** Longer conversations are known by this many of their messages at the start. */
const MAX_MESSAGES = 1_000;

/** Where a conversation lies in an endpoint's bodies. */
interface Shape {
  /** The list of its messages. */
  readonly messages: string;
  /** What a model reads before all of them. */
  readonly preamble?: string;
}

/** Endpoints that are not here know no conversations. */
const shapes: Readonly<{ [E in Endpoint]?: Shape }> = Object.freeze({
  [Endpoint.chat]: { messages: "messages" },
  [Endpoint.messages]: { messages: "messages", preamble: "system" },
  [Endpoint.responses]: { messages: "input", preamble: "instructions" },
});

/**
 * A digest of the first message of a body, of the first two, and so on. Equal beginnings have equal
 * digests as long as the client writes its messages the same way each time, as they do. The digests
 * are no secret-keepers: who knows `seed` can test a guess.
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
