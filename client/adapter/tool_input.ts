/** A tool call's arguments: text in OpenAI's dialects, an object in Claude's. */

/** The arguments as an object. A model may generate anything: other values are wrapped, never rejected. */
export function inputOf(text: string | null | undefined): object {
  if (!text?.trim()) return {};
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? value : { value };
  } catch {
    return { arguments: text };
  }
}
