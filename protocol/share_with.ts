/** For whom a node is: as its owner writes it, and as CALL names the part of it that a call comes under. */

import { isVisibleName, VISIBLE_NAME_RULE } from "./visible_name.ts";

/**
 * Everyone; only the owner's own calls; or these groups and users, as `group:lab` and
 * `user:ann@example.com`, and the owner.
 */
export type ShareWith = "everyone" | "me" | readonly string[];

/** Each name is one more place of the node in the gateway's choice. */
export const MAX_SHARED_WITH = 20;

const MAX_NAME_CHARS = 200;

/** CALL's audience where the node's owner is the caller. Every other one is a name of its `share_with`. */
export const OWNER_AUDIENCE = "owner";

/** Something that is wrong with a `share_with`. */
export interface ShareWithProblem {
  /** Position in the list; null: the whole value is wrong. */
  index: number | null;
  /** Stands after the value's name. */
  message: string;
}

/** All that is wrong with the value. */
export function shareWithProblems(value: unknown): ShareWithProblem[] {
  if (value === "everyone" || value === "me") return [];
  const isNamed = Array.isArray(value) && value.length > 0;
  if (!isNamed) {
    const message = "must be everyone, me, or a list such as [group:lab, user:ann@example.com]";
    return [{ index: null, message }];
  }
  if (value.length > MAX_SHARED_WITH) {
    return [{ index: null, message: `must name at most ${MAX_SHARED_WITH} groups and users` }];
  }
  const seen = new Set<unknown>();
  return value.flatMap((name: unknown, index) => {
    const message = nameProblem(name) ?? (seen.has(name) ? "is named twice" : null);
    seen.add(name);
    return message === null ? [] : [{ index, message }];
  });
}

function nameProblem(name: unknown): string | null {
  if (name === "me" || name === "everyone") {
    return `stands alone: write share_with: ${name}; your own calls may come in any case`;
  }
  const [, kind, rest = ""] = /^(group|user):(.*)$/su.exec(typeof name === "string" ? name : "") ??
    [];
  const isName = rest.trim() === rest && rest.length > 0 && rest.length <= MAX_NAME_CHARS;
  if (kind === undefined || !isName) return "must be group:NAME or user:E-MAIL";
  if (!isVisibleName(rest)) return `must be ${VISIBLE_NAME_RULE}`;
  return kind === "group" || /^[^\s@]+@[^\s@]+$/.test(rest) ? null : "must be user:E-MAIL";
}

/**
 * Whether a call with this audience may come to a node that is for these. A node asks it of each
 * call, so that a gateway which overlooks the owner's wish is refused.
 */
export function mayCome(shareWith: ShareWith, audience: string | undefined): boolean {
  if (shareWith === "everyone") return true;
  if (audience === undefined) return false;
  return audience === OWNER_AUDIENCE || shareWith !== "me" && shareWith.includes(audience);
}
