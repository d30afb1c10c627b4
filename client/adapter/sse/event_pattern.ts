/**
 * The event that a stream repeats. A model's answer is one event over and over, with another text in
 * the same place: what differs from an event that was parsed in nothing but such texts needs no
 * parsing itself.
 */

/** Texts that may differ: nothing about an answer but the answer itself depends on them. */
const TEXTS = [
  "content",
  "reasoning_content",
  "refusal",
  "text",
  "arguments",
  "thinking",
  "partial_json",
  "delta",
  "obfuscation",
].join("|");
const COUNTS = "created|sequence_number";

/** In valid JSON a quoted word before a colon is a key: quotes inside strings have a backslash. */
const HOLES = new RegExp(
  `"(${TEXTS})"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"|"(?:${COUNTS})"\\s*:\\s*(0|[1-9]\\d*)`,
  "g",
);

/** What may fill a hole so that the JSON stays valid. The texts are bytes, told as Latin-1. */
const fillings = {
  // deno-lint-ignore no-control-regex -- JSON's strings hold none, and that is looked for.
  text: /[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*/y,
  count: /0|[1-9]\d*/y,
};

interface Hole {
  filling: keyof typeof fillings;
  /** Whether a text in it is worth a token. */
  countsTokens: boolean;
}

/** What stands in each event and callers see otherwise, or not at all. */
export interface Change {
  from: number;
  to: number;
  by: string;
}

/** The same, by its place behind a segment's beginning. */
interface Cut extends Change {
  segment: number;
}

export class EventPattern {
  /** Whether the event that matched last carries tokens. */
  hasTokens = false;
  /** Where the cuts of the event that matched last begin. */
  readonly cutsAt: number[] = [];

  private constructor(
    /** What stands before, between and behind the holes. */
    private readonly segments: readonly string[],
    private readonly holes: readonly Hole[],
    /** In their order. */
    readonly cuts: readonly Cut[],
  ) {}

  /**
   * The pattern of a whole event, valid in all its parts. `changes`: what callers see otherwise, in
   * its order. Null if nothing in it may differ, or if more than texts says tokens.
   */
  static of(
    event: string,
    tokens: RegExp,
    changes: readonly Change[],
  ): EventPattern | null {
    const segments: string[] = [];
    const holes: Hole[] = [];
    const cuts: Cut[] = [];
    let from = 0;
    const close = (end: number) => {
      for (const change of changes) {
        if (change.from < from || change.to > end) continue;
        const { by } = change;
        cuts.push({ segment: segments.length, from: change.from - from, to: change.to - from, by });
      }
      segments.push(event.slice(from, end));
    };
    for (const match of event.matchAll(HOLES)) {
      const [whole, key, text, count = ""] = match;
      const end = match.index + whole.length - (text === undefined ? 0 : '"'.length);
      close(end - (text ?? count).length);
      from = end;
      holes.push(
        text === undefined
          ? { filling: "count", countsTokens: false }
          : { filling: "text", countsTokens: tokens.test(`"${key}":"x"`) },
      );
    }
    close(event.length);
    const isFit = holes.some(({ filling }) => filling === "text") &&
      !tokens.test(segments.join("")) && cuts.length === changes.length;
    return isFit ? new EventPattern(segments, holes, cuts) : null;
  }

  /** Where the event ends that begins at `at`, if it is one of these; else -1. */
  match(text: string, at: number): number {
    const { segments, holes, cuts, cutsAt } = this;
    this.hasTokens = false;
    let end = at;
    let cut = 0;
    for (let i = 0; i < segments.length; i++) {
      const segment = segments[i]!;
      if (!text.startsWith(segment, end)) return -1;
      for (; cuts[cut]?.segment === i; cut++) cutsAt[cut] = end + cuts[cut]!.from;
      end += segment.length;
      const hole = holes[i];
      if (hole === undefined) continue;
      const filling = fillings[hole.filling];
      filling.lastIndex = end;
      if (!filling.test(text)) return -1;
      this.hasTokens ||= hole.countsTokens && filling.lastIndex > end;
      end = filling.lastIndex;
    }
    return end;
  }
}
