/** What a gateway that starts at a terminal says: its addresses, and the link that makes its administrator. */

import type { Texts } from "../text/mod.ts";

export interface GreetingFacts {
  version: string;
  /** The console's, for people: the public one, or one for this machine and one for others. */
  urls: readonly string[];
  /** One for each of them; empty: the gateway has been set up. */
  setupLinks: readonly string[];
  /** The terminal's width. */
  columns: number;
}

/** Lines for a terminal. */
export function greeting(facts: GreetingFacts, t: Texts): string {
  const { version, urls, setupLinks, columns } = facts;
  const rows = urls.flatMap((url) => [
    [t`Console`, url],
    ["API", `${url}/v1`],
    [t`Nodes`, `${url.replace(/^http/, "ws")}/ws`],
  ]);
  const width = Math.max(...rows.map(([name = ""]) => Bun.stringWidth(name)));
  const addresses = rows.map(([name = "", url]) => `${padded(name, width)}   ${url}`);
  return [
    "",
    `Co-Link ${version}`,
    "",
    ...addresses,
    "",
    ...setupLinks.length > 0
      ? setupBox(setupLinks, t, columns).split("\n")
      : [t`Open the console to create an account and copy its API key and node token.`],
    "",
    t`Ctrl-C stops gracefully; twice stops at once.`,
    "",
  ].map((line) => line && `  ${line}`).join("\n");
}

/** The links and what they are for, in a box, or between two lines where the terminal is too narrow for one. */
export function setupBox(links: readonly string[], t: Texts, columns: number): string {
  const meaning = links.length === 1
    ? t`Open this link within 30 minutes to become the administrator. It works once.`
    : t`Open one of these links within 30 minutes to become the administrator. It works once.`;
  const lines = [meaning, "", ...links];
  const width = Math.max(...lines.map((line) => Bun.stringWidth(line)));
  const rule = "─".repeat(Math.min(width + 2, Math.max(columns - 6, 20)));
  // Two columns of margin and border on each side, and the greeting's own margin.
  if (width + 6 > columns) return [rule, ...lines, rule].join("\n");
  const framed = lines.map((line) => `│ ${padded(line, width)} │`);
  return [`┌${rule}┐`, ...framed, `└${rule}┘`].join("\n");
}

function padded(text: string, width: number): string {
  return text + " ".repeat(width - Bun.stringWidth(text));
}
