/** Renders docs/compatibility.md from the rows of the compatibility tests. */

import { type ClientResult, type Outcome, type Trial, trials } from "./clients/results.ts";
import { serverKinds } from "./clients/server_kind.ts";
import { table } from "./table.ts";

/** One tested feature. */
export interface Shown {
  /** The client's package name. */
  client: string;
  path: string;
  provider: string;
  does: string;
  /** Absent: it works. */
  but?: { fails: string } | { note: string };
}

/** One column per provider type. */
const providers = ["openai", "claude"] as const;

/** Renders the page. `versions`: client versions by name; `results`: of real programs. */
export function compatibilityPage(
  shown: readonly Shown[],
  versions: Readonly<Record<string, string>>,
  results: readonly ClientResult[],
): string {
  const paths = Map.groupBy(shown, ({ path }) => path);
  const sections = [...paths].map(([path, rows]) => `## ${path}\n\n${endpointTable(rows)}`);
  const clients = [...new Set(shown.map(({ client }) => client))];
  const parts = [
    beginning,
    clientTable(clients, versions),
    reading,
    ...programsSection(results),
    ...sections,
    missing,
  ];
  return parts.join("\n\n") + "\n";
}

const beginning = `# Compatibility

[简体中文](compatibility.zh.md)

<!-- Written by \`bun run compatibility\` from the tests in tests/compatibility. Do not edit. -->

What callers can do, endpoint by endpoint and provider by provider. Each cell is a test that calls a
real gateway with a real client, through a real node, and fails when the cell is wrong. The
providers' part is played by [aimock](https://github.com/CopilotKit/aimock) in both dialects, by
recorded answers, and by small servers for what these lack.

The clients, unchanged, with the gateway's address and key:`;

const reading =
  `The column \`openai\` is any OpenAI-compatible server, \`claude\` is Anthropic's API. "no" is followed
by the error that the caller receives; other words describe how it works. A dash: not applicable. A
feature that a server lacks is rejected in the server's own words, which the caller sees. The shapes
of errors: [errors.md](errors.md).

A connection takes one request at a time. A second one that is sent behind an unanswered call
(HTTP/1.1 pipelining) cuts both: the runtime closes the connection, although RFC 9112 (9.3.2) wants
answers in order. SDKs and browsers do not pipeline. \`Connection: close\` on calls would not help,
because it comes with the answer, and would double the price of a short call.`;

const missing = `## What is missing for the last two

- **Forms** (\`multipart/form-data\`: transcription and translation of audio, edits and variations of
  images). The gateway reads the model from a JSON body, and the node replaces its name there. Both
  would have to support forms, and CALL would have to carry the body's content type.
- **Audio answers** (speech). Nodes answer with JSON or events of JSON. HEAD would have to carry the
  content type, and the ledger the cost of audio.
- **Image generation** takes and returns JSON. It needs what \`/v1/rerank\` needed, a row in the table
  of each end.`;

/** What real programs can do. */
function programsSection(results: readonly ClientResult[]): string[] {
  const rows = results.map((result) => [
    result.client,
    result.version,
    result.date,
    ...trials.map((trial) => trialCell(result, trial)),
  ]);
  const shortfalls = results.flatMap(shortfallsOf);
  return [
    programs,
    table([["client", "version", "tried", ...trials], ...rows]),
    ...(shortfalls.length === 0 ? [] : [shortfalls.join("\n")]),
  ];
}

/** Where the trial succeeds on some model servers only, those. */
function trialCell({ missing, outcomes }: ClientResult, trial: Trial): string {
  if (missing !== undefined) return "–";
  const tried = serverKinds.flatMap((kind) => {
    const outcome = outcomes[kind]?.[trial];
    return outcome === undefined || outcome === null ? [] : [{ kind, outcome }];
  });
  const good = tried.filter(({ outcome }) => outcome === true);
  if (tried.length === 0) return "–";
  if (good.length === tried.length) return "yes";
  return good.length === 0 ? "no" : good.map(({ kind }) => kind).join(", ");
}

function shortfallsOf({ client, missing, outcomes }: ClientResult): string[] {
  if (missing !== undefined) return [item(`${client}: ${missing}`)];
  return serverKinds.flatMap((kind) =>
    (Object.entries(outcomes[kind] ?? {}) as [Trial, Outcome][]).flatMap(([trial, outcome]) =>
      typeof outcome === "string" ? [item(`${client}, ${trial}, ${kind}: ${outcome}`)] : []
    )
  );
}

const WIDTH = 100;

/** An item of a list, in lines as the formatter breaks them; without what Markdown would interpret. */
function item(text: string): string {
  const lines = ["-"];
  for (const word of text.replace(/[^\w .,:;'"()/@=-]/g, "").split(/\s+/)) {
    if (`${lines.at(-1)} ${word}`.length > WIDTH) lines.push(" ");
    lines.push(`${lines.pop()} ${word}`);
  }
  return lines.join("\n");
}

const programs = `## Programs

Real programs, unchanged and set up as [clients.md](clients.md) says, through a real gateway and
node. Each is tried on three model servers: one with chat completions only (\`chat\`), one with
responses only (\`responses\`), and Anthropic's API (\`claude\`). The model plays a script. It answers,
it calls the program's own tools until a file is changed (aider's edits are text), or it goes on
until Ctrl-C, which must end the model server's work within 10 s. A wrong key, a wrong model and an
exhausted limit must be reported, and not be repeated indefinitely; a limit may also be waited for.
A dash: the program has no such mode. Where a trial succeeds on some model servers only, the table
names those. \`bun run compatibility --clients\` installs the programs and writes the table again.`;

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

/** Throws if two tests disagree on the same feature. */
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
