/** Removes a provider's key and address from every text that leaves the node. */

/** Shorter values would match ordinary words. */
const MIN_SECRET_CHARS = 6;

/** Replaces the secrets in a text. */
export type Redact = (text: string) => string;

/** Returns a function that replaces each of the secrets by `[hidden]`, longest first. */
export function redactor(secrets: readonly (string | undefined)[]): Redact {
  const values = secrets
    .filter((secret) => secret !== undefined && secret.length >= MIN_SECRET_CHARS)
    .map(String)
    .sort((a, b) => b.length - a.length);
  return (text) => values.reduce((rest, value) => rest.replaceAll(value, "[hidden]"), text);
}
