/** Changes that were judged to make no difference that anyone could see, each with its reason. */

interface Judged {
  path: string;
  /** The line that changes, as `bun run mutants` prints it. */
  text: string;
  /** Left out: every change of the line. */
  what?: string;
  why: string;
}

const judged: readonly Judged[] = [
  {
    path: "server/http/call_reader.ts",
    text: "return Number.isInteger(n) && n >= 1 && n <= MAX_CHOICES ? n : 1;",
    what: '">=" becomes ">"',
    why: "One is also the number for everything that is no number of choices",
  },
];

export function isEquivalent(mutant: { path: string; text: string; what: string }): boolean {
  return judged.some(({ path, text, what }) =>
    path === mutant.path && text === mutant.text && (what ?? mutant.what) === mutant.what
  );
}
