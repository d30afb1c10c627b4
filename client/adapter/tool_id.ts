/** Ids of tool calls that Claude and its clients accept. */

const ALLOWED = /^[a-zA-Z0-9_-]+$/;

/**
 * The same id where Claude takes it; otherwise one that only this id becomes, so that a call and
 * its result still find each other.
 */
export function toolId(id: string): string {
  if (ALLOWED.test(id)) return id;
  return `${id.replaceAll(/[^a-zA-Z0-9_-]/g, "_")}_${hash(id)}`;
}

/** FNV-1a, twice with different seeds: 64 bits are plenty within one conversation. */
function hash(text: string): string {
  return [0x811c9dc5, 0x1b873593].map((seed) => {
    let value = seed;
    for (let i = 0; i < text.length; i++) {
      value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
    }
    return (value >>> 0).toString(16).padStart(8, "0");
  }).join("");
}
