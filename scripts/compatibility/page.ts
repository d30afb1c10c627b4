/** docs/compatibility.md: what callers can do at which endpoint with which provider, told by the tests of it. */

/** One thing that a test shows. */
export interface Shown {
  /** The program that did it, as its registry calls it. */
  client: string;
  path: string;
  provider: string;
  does: string;
  /** Absent: it works. */
  but?: { fails: string } | { note: string };
}

/** Every type of provider has a column. */
const providers = ["openai", "claude"] as const;

/** The whole page. `versions`: of the programs, by their names. */
export function compatibilityPage(
  shown: readonly Shown[],
  versions: Readonly<Record<string, string>>,
): string {
  const paths = Map.groupBy(shown, ({ path }) => path);
  const sections = [...paths].map(([path, rows]) => `## ${path}\n\n${endpointTable(rows)}`);
  const clients = [...new Set(shown.map(({ client }) => client))];
  const parts = [beginning, clientTable(clients, versions), reading, ...sections, missing];
  return parts.join("\n\n") + "\n";
}

const beginning = `# Compatibility

<!-- Written by \`bun run compatibility\` from the tests in tests/compatibility. Do not edit. -->

What callers can do, endpoint by endpoint and provider by provider. Each cell is a test that calls a
real gateway with a real client, through a real node, and fails when the cell is wrong. The
providers' part is played by [aimock](https://github.com/CopilotKit/aimock) in both dialects, by
answers that were recorded, and by small servers for what these lack.

The clients, unchanged, with the gateway's address and key:`;

const reading =
  `The column \`openai\` is any OpenAI-compatible server, \`claude\` is Anthropic's API. "no" is followed
by what the caller is told, other words by how it works. A dash: not asked for there. What a server
of its own lacks, it refuses in its own words, which the caller sees. How errors look:
[errors.md](errors.md).`;

const missing = `## What is missing for the last two

- **Forms** (\`multipart/form-data\`: transcription and translation of sound, edits and variations of
  pictures). The gateway finds the model in a body's JSON, and exchanges it for the node's own name
  for it there. It would have to do both in a form, and CALL to tell the body's content type.
- **Sound as the answer** (speech). What nodes answer is JSON or events of JSON. HEAD would have to
  tell the content type, and the ledger what sound costs.
- **Pictures of a text** take and give JSON. They need what \`/v1/rerank\` needed, a row in the table
  of each end, and an answer limit above 8 MiB for several large ones.`;

function clientTable(
  clients: readonly string[],
  versions: Readonly<Record<string, string>>,
): string {
  return table([
    ["client", "version"],
    ...clients.map((client) => [`\`${client}\``, versions[client] ?? "any"]),
  ]);
}

function endpointTable(rows: readonly Shown[]): string {
  const lines = [...Map.groupBy(rows, ({ does }) => does)].map(([does, same]) => [
    does,
    ...providers.map((provider) => cell(same.filter((row) => row.provider === provider))),
    [...new Set(same.map(({ client }) => `\`${client}\``))].join(", "),
  ]);
  return table([["what", ...providers.map((name) => `\`${name}\``), "seen with"], ...lines]);
}

/** Throws where two tests tell different things of the same. */
function cell(rows: readonly Shown[]): string {
  const words = new Set(rows.map(verdict));
  if (words.size > 1) {
    throw new Error(`Cannot say whether "${rows[0]?.does}" works: ${[...words].join(" or ")}`);
  }
  return [...words][0] ?? "–";
}

function verdict({ but }: Shown): string {
  if (but === undefined) return "yes";
  return "fails" in but ? `no: ${but.fails}` : but.note;
}

/** A table as the formatter leaves it: columns as wide as their widest cell. */
function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(3, ...lines.map((line) => line[i]!.length)));
  const [head, ...rest] = lines.map((line) =>
    `| ${line.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [head, rule, ...rest].join("\n");
}
