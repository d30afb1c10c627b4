/** The dashboard's series as CSV. */

import type { UsagePoint } from "../../../api/mod.ts";

const columns = [
  "calls",
  "errors",
  "prompt_tokens",
  "completion_tokens",
  "first_token_p50_ms",
  "first_token_p95_ms",
  "tokens_per_second",
] as const satisfies readonly (keyof UsagePoint)[];

export function csv(steps: readonly UsagePoint[]): string {
  const lines = steps.map((step) =>
    [new Date(step.at).toISOString(), ...columns.map((column) => step[column] ?? "")].join(",")
  );
  return [["at", ...columns].join(","), ...lines].join("\r\n") + "\r\n";
}

/** Downloads a text as a file. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
