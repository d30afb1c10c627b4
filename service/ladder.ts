/** A doctor's ladder: checks one after the other, each with a result and, where it is bad, a cause and a cure. */

import { t } from "./texts.ts";

export interface Finding {
  state: "ok" | "warning" | "failed" | "skipped";
  /** What was found: where it is bad, the cause. */
  text: string;
  /** What to do. */
  cure?: string;
}

export interface Check {
  name: string;
  /** May throw: that is a failure, too. */
  run(): Promise<Finding | Finding[]> | Finding | Finding[];
}

export const ok = (text: string): Finding => ({ state: "ok", text });
export const skipped = (text: string): Finding => ({ state: "skipped", text });
export const warning = (text: string, cure: string): Finding => ({ state: "warning", text, cure });
export const failed = (text: string, cure: string): Finding => ({ state: "failed", text, cure });

/** A check that takes longer counts as failed. */
const WITHIN_MS = 20_000;

const marks: Readonly<Record<Finding["state"], string>> = {
  ok: "✓",
  warning: "!",
  failed: "✗",
  skipped: "-",
};

/** Climbs the ladder, saying each result as it comes; resolves with whether nothing has failed. */
export async function climb(
  checks: readonly Check[],
  say: (line: string) => void,
): Promise<boolean> {
  let isWell = true;
  for (const { name, run } of checks) {
    for (const finding of await resultsOf(run)) {
      say(`${marks[finding.state]} ${t`${name}: ${finding.text}`}`);
      if (finding.cure !== undefined) say(`    → ${finding.cure}`);
      if (finding.state === "failed") isWell = false;
    }
  }
  return isWell;
}

async function resultsOf(run: Check["run"]): Promise<Finding[]> {
  const { promise: late, resolve } = Promise.withResolvers<Finding>();
  const timer = setTimeout(
    () => resolve(failed(t`no result within ${WITHIN_MS / 1000} s`, t`look at what it waits for`)),
    WITHIN_MS,
  );
  try {
    return [await Promise.race([Promise.resolve(run()), late])].flat();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return [failed(text.replaceAll(/\p{Cc}/gu, " "), t`see the lines above`)];
  } finally {
    clearTimeout(timer);
  }
}
