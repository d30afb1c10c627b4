/** Free-text tools for dialects whose tools take only JSON: the text is the member `input` of an object. */

/** Unwraps a free-text tool's input; other arguments are the text themselves. */
export function freeText(argumentsText: string): string {
  try {
    const { input } = JSON.parse(argumentsText) as { input?: unknown };
    return typeof input === "string" ? input : argumentsText;
  } catch {
    return argumentsText;
  }
}
