/** A conversation's beginnings as numbers that say nothing of what was said. */

import { arrayItems, lastMember, objectMembers } from "../../protocol/mod.ts";

/** Longer conversations are known by this many of their messages at the start. */
const MAX_MESSAGES = 1_000;

/**
 * A digest of the first message of a chat's body, of the first two, and so on. Equal beginnings have
 * equal digests as long as the client writes its messages the same way each time, as they do. The
 * digests are no secret-keepers: who knows `seed` can test a guess.
 */
export function prefixDigests(bodyText: string, seed: bigint): bigint[] {
  const messages = lastMember(objectMembers(bodyText), "messages");
  if (messages === undefined) return [];
  const digests: bigint[] = [];
  let digest = seed;
  for (const { start, end } of arrayItems(bodyText, messages.start)) {
    if (digests.length === MAX_MESSAGES) break;
    digest = BigInt(Bun.hash(bodyText.slice(start, end), digest));
    digests.push(digest);
  }
  return digests;
}
