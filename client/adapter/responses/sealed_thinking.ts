/**
 * Signed thinking inside a reasoning item's `encrypted_content`, which clients send back unread. The
 * signature, not this encoding, is what protects it.
 */

import { isObject, type Json } from "../json_object.ts";

const MARK = "colink-thinking:";

/** The content for the blocks; null if there are none. */
export function sealThinking(blocks: readonly object[]): string | null {
  if (blocks.length === 0) return null;
  return MARK + Buffer.from(JSON.stringify(blocks)).toString("base64");
}

/** The blocks in a content that a node wrote; none in any other. */
export function unsealThinking(content: string | null | undefined): Json[] {
  if (!content?.startsWith(MARK)) return [];
  try {
    const text = Buffer.from(content.slice(MARK.length), "base64").toString();
    const blocks: unknown = JSON.parse(text);
    return Array.isArray(blocks) ? blocks.filter(isObject) : [];
  } catch {
    return [];
  }
}
