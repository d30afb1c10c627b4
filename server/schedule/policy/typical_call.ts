/** The call by which nodes are ordered before a call of one's own is known. */

export const PROMPT_CHARS = 2_000;
export const ANSWER_TOKENS = 200;
