/** A short name for a text, to tell the texts of one conversation apart. */

/** 16 hexadecimal digits: FNV-1a, twice with different seeds. Tells apart, and hides nothing. */
export function shortHash(text: string): string {
  return [0x811c9dc5, 0x1b873593].map((seed) => {
    let value = seed;
    for (let i = 0; i < text.length; i++) {
      value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
    }
    return (value >>> 0).toString(16).padStart(8, "0");
  }).join("");
}
