/**
 * A pattern of the event that a stream repeats. Most events of an answer differ only in the text at
 * one place, so an event that equals an already parsed one except for such texts needs no parsing.
 */

/** Members whose texts may differ: they hold the answer itself and control nothing. */
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

/** In valid JSON a quoted word before a colon is a key: quotes inside strings are escaped. */
const HOLES = new RegExp(
  `"(${TEXTS})"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"|"(?:${COUNTS})"\\s*:\\s*(0|[1-9]\\d*)`,
  "g",
);

/** The values that keep the JSON valid in a hole. The text is the event's bytes as Latin-1. */
const fillings = {
  // deno-lint-ignore no-control-regex -- JSON strings must not hold control characters.
  text: /[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*/y,
  count: /0|[1-9]\d*/y,
};

interface Hole {
  filling: keyof typeof fillings;
  /** Whether a non-empty text in it counts as a token. */
  countsTokens: boolean;
}

/** A range of each event that callers see replaced or removed. */
export interface Change {
  from: number;
  to: number;
  by: string;
}

/** A change relative to the start of a segment. */
interface Cut extends Change {
  segment: number;
}

export class EventPattern {
  /** Whether the last matched event carries tokens. */
  hasTokens = false;
  /** Where the cuts of the last matched event begin. */
  readonly cutsAt: number[] = [];

  private constructor(
    /** The texts before, between and after the holes. */
    private readonly segments: readonly string[],
    private readonly holes: readonly Hole[],
    /** In order of position. */
    readonly cuts: readonly Cut[],
  ) {}

  /**
   * The pattern of a whole valid event. `changes`: the ranges that callers see changed, in order.
   * Null if the event has no text that may differ, or if a part other than such texts carries tokens.
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

  /** Returns the end of the event that begins at `at`, or -1 if the event does not match. */
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
