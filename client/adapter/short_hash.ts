/** A short hash that distinguishes the texts of one conversation. */

/** 16 hexadecimal digits: FNV-1a, twice with different seeds. Not a cryptographic hash. */
export function shortHash(text: string): string {
  return [0x811c9dc5, 0x1b873593].map((seed) => {
    let value = seed;
    for (let i = 0; i < text.length; i++) {
      value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
    }
    return (value >>> 0).toString(16).padStart(8, "0");
  }).join("");
}

/** OpenAI rejects longer ids; Anthropic's clients send some. */
const MAX_USER_CHARS = 64;

/** The caller's own id of its user, in the length that OpenAI accepts. */
export function userId(id: string): string {
  return id.length <= MAX_USER_CHARS ? id : shortHash(id);
}
