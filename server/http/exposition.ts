/** Figures in the text format of Prometheus, version 0.0.4. */

/** One figure, with whatever its labels tell apart. */
export interface Family {
  name: string;
  type: "counter" | "gauge" | "histogram";
  help: string;
  samples: readonly Sample[];
}

export interface Sample {
  value: number;
  labels?: Readonly<Record<string, string>>;
  /** Behind the family's name: a histogram's `_bucket`, `_sum` and `_count`. */
  suffix?: string;
}

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The families as a scraper reads them, in their order. */
export function exposition(families: readonly Family[]): string {
  return families.map((family) => {
    const { name, type, help, samples } = family;
    const lines = samples.map(({ suffix = "", labels = {}, value }) =>
      `${name}${suffix}${labelList(labels)} ${value}\n`
    );
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
  }).join("\n");
}

function labelList(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

function escaped(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (character) => escapes[character] ?? "");
}
