/** A tool's arguments, which OpenAI tells as text and Claude as an object. */

/** Arguments are a model's own words: what is not an object is wrapped, never refused. */
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
