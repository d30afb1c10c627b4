/** What is tried for longer than a test may take: its name, its extent, and how it went. */

export interface Campaign {
  /** As it is chosen on the command line. */
  name: string;
  about: string;
  /** What it can do in addition, chosen by `--with`. */
  extras?: readonly string[];
  /** Its parts, of which `--only` chooses some. */
  kinds?: readonly string[];
  /** Resolves with what was found; rejects with what is wrong, or with Skipped. */
  run(options: CampaignOptions): Promise<string>;
}

export interface CampaignOptions {
  /** What chance begins with; each further run takes the next one. */
  seed: number;
  /** How often, in the campaign's own measure; undefined: as often as it thinks right. */
  runs: number | undefined;
  /** How long; undefined: by `runs`. */
  minutes: number | undefined;
  /** What it does in addition, of its `extras`. */
  extras: ReadonlySet<string>;
  /** Those of its `kinds` that it does; empty: all. */
  only: ReadonlySet<string>;
  /** Shows how far it has come. */
  progress(state: string): void;
}

/** The campaign was skipped; the message has the reason. */
export class Skipped extends Error {}

/** The seeds of a campaign's runs, one after the other, until there were enough or time is up. */
export function* seedsOf(
  { seed, runs, minutes }: CampaignOptions,
  defaultRuns: number,
): Generator<number> {
  const untilMs = minutes === undefined ? Infinity : performance.now() + minutes * 60_000;
  const most = runs ?? (minutes === undefined ? defaultRuns : Infinity);
  for (let run = 0; run < most && performance.now() < untilMs; run++) yield seed + run;
}
