/** What a client says of the session that a call belongs to, so that the session's calls can go to one node. */

import type { CallBody } from "../../protocol/mod.ts";

/** Clients' headers, by lower-case name: opencode, Claude Code, Codex and its older versions. */
const HEADERS = ["x-session-affinity", "x-claude-code-session-id", "session-id", "session_id"];

/** A hint is remembered as a digest, but a long one has to be read. */
const MAX_BYTES = 4096;

/** Null: the client says nothing. */
export function sessionHint(headers: Headers, body: CallBody): string | null {
  for (const name of HEADERS) {
    const value = headers.get(name);
    if (value !== null && value !== "") return value;
  }
  return textOf(body, "prompt_cache_key") ?? userIdOf(body);
}

/** Anthropic's clients name user and session in one text. */
function userIdOf(body: CallBody): string | null {
  if (body.kind("metadata") !== "object" || body.size("metadata") > MAX_BYTES) return null;
  const { user_id } = body.value("metadata") as { user_id?: unknown };
  return typeof user_id === "string" && user_id !== "" ? user_id : null;
}

function textOf(body: CallBody, member: string): string | null {
  if (body.kind(member) !== "string" || body.size(member) > MAX_BYTES) return null;
  return body.value(member) as string || null;
}
