/** Changes that were judged to make no difference that anyone could see, each with its reason. */

interface Judged {
  path: string;
  /** The line that changes, as `bun run mutants` prints it. */
  text: string;
  /** Left out: every change of the line. */
  what?: string;
  why: string;
}

const judged: readonly Judged[] = [];

export function isEquivalent(mutant: { path: string; text: string; what: string }): boolean {
  return judged.some(({ path, text, what }) =>
    path === mutant.path && text === mutant.text && (what ?? mutant.what) === mutant.what
  );
}
