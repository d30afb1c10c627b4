/**
 * Data that a provider wants back with a tool call, such as Gemini's thought signature, carried inside
 * the call's id: clients of other dialects return nothing else of a call unchanged.
 */

const MARK = "__extra_";

/** The id with the data in it; the id itself if there is none. */
export function idWithExtra(id: string, extra: unknown): string {
  if (extra === undefined || extra === null) return id;
  return `${id || "call"}${MARK}${Buffer.from(JSON.stringify(extra)).toString("base64url")}`;
}

/** Takes the data out of an id again. */
export function splitId(id: string): { id: string; extra?: unknown } {
  const at = id.lastIndexOf(MARK);
  if (at < 0) return { id };
  try {
    const text = Buffer.from(id.slice(at + MARK.length), "base64url").toString();
    return { id: id.slice(0, at), extra: JSON.parse(text) };
  } catch {
    return { id };
  }
}
