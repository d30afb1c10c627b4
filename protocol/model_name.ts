/** Valid names of models. No name can be mistaken for another one that looks the same. */

import { MAX_MODEL_NAME_CHARS } from "./limits.ts";
import { isVisibleName } from "./visible_name.ts";

/** The rule, for messages: "must be …". */
export const MODEL_NAME_RULE =
  `1 to ${MAX_MODEL_NAME_CHARS} visible characters in Unicode's compatibility form (NFKC), single ` +
  `spaces only between them, Latin letters not mixed with Cyrillic, Greek or other lookalikes`;

/** Blanks at an end or two in a row; characters that Unicode has not assigned. */
const UNEVEN = /^ | $| {2}|\p{Cn}/u;

const LATIN = /\p{Script=Latin}/u;
const LOOKALIKES =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}]/u;

export function isModelName(name: unknown): name is string {
  return typeof name === "string" && name.length > 0 && name.length <= MAX_MODEL_NAME_CHARS &&
    isVisibleName(name) && !UNEVEN.test(name) && name.normalize("NFKC") === name &&
    !(LATIN.test(name) && LOOKALIKES.test(name));
}
