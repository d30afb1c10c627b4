/** Keeps a provider's key and address out of every text that leaves the node. */

/** Shorter values would hide ordinary words. */
const MIN_SECRET_CHARS = 6;

/** Replaces what must not be seen. */
export type Hide = (text: string) => string;

/** Hides each of the given values wherever it stands in a text. */
export function hideAll(secrets: readonly (string | undefined)[]): Hide {
  const values = secrets
    .filter((secret) => secret !== undefined && secret.length >= MIN_SECRET_CHARS)
    .map(String)
    .sort((a, b) => b.length - a.length);
  return (text) => values.reduce((rest, value) => rest.replaceAll(value, "[hidden]"), text);
}
