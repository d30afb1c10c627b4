/** What README.md and SECURITY.md promise, and a test that shows each promise: a table that stays complete. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { at } from "../scripts/root.ts";

/** By the words in bold with which a promise begins: the file of a test, and words of its name or of its table's rows. */
const shown: Readonly<Record<string, readonly [file: string, name: string]>> = {
  // README.md
  "One answer, one attempt.": [
    "tests/failover_test.ts",
    "is replaced by another one, and the caller gets one complete answer",
  ],
  "No truncation looks like success.": [
    "tests/slow/cluster_test.ts",
    "ends it with an error, never with [DONE]",
  ],
  "Each call is counted once,": ["tests/slow/ledger_test.ts", "one row, over wire v"],
  "Every call ends": [
    "tests/slow/bad_node_test.ts",
    "sends endless small pieces runs into the gateway's deadline",
  ],
  "A rotated token stops within 5 seconds,": [
    "tests/slow/revocation_test.ts",
    "ends its running stream",
  ],
  "A link that is restored within 30 seconds costs time and nothing else:": [
    "server/node/lost_link_test.ts",
    "that comes back is the same node, ready at once, and its calls go on",
  ],
  "Prompts and answers are neither stored nor logged": [
    "tests/secrecy_test.ts",
    "neither log contains a key, a prompt, an answer or a password",
  ],
  // SECURITY.md
  "Tokens": ["server/account/tokens_test.ts", "over 150 random bits before its checksum"],
  "Passwords": ["server/account/passwords_test.ts", "hashes are bcrypt of cost 12"],
  "Sessions": ["tests/bad_input_test.ts", "changes nothing without the header"],
  "A sign-in provider": ["server/http/console/provider_test.ts", "an ID token with"],
  "What was done": [
    "server/http/console/api_test.ts",
    "can be read through the API, and not changed",
  ],
  "Nodes": ["tests/flood_test.ts", "until that ends the link"],
  "A node's `share_with`": ["tests/policy_test.ts", "and does not exist for others"],
  "Input": ["tests/bad_input_test.ts", "that unpacks to 11 MiB is refused with 413"],
  "Everybody has budgets": ["tests/slow/flow_test.ts", "fill their account's budget only"],
  "The console": ["server/http/assets_test.ts", "load from its own gateway only"],
  "Providers' errors": ["tests/secrecy_test.ts", "reaches neither callers nor the public list"],
  "Releases": ["tests/install_test.ts", "another key's release and a changed list are refused"],
  "Packages": ["tests/ship_test.ts", "no younger than a week, and run no script"],
  "The executables": ["tests/secrecy_test.ts", "contains settings that Bun itself would read"],
};

test("every promise has a test that shows it, and no row is left over", () => {
  const readme = sectionOf("README.md", "## Guarantees and limits").split("Not promised")[0]!;
  const promises = [
    ...readme.matchAll(/^\d\. \*\*(.+?)\*\*/gms),
    ...sectionOf("SECURITY.md", "## What is done about it").matchAll(/^- \*\*(.+?)\*\*/gms),
  ].map(([, words]) => words!.replace(/\s+/g, " "));
  expect(promises.toSorted()).toEqual(Object.keys(shown).toSorted());
});

for (const [promise, [file, name]] of Object.entries(shown)) {
  test(`the test of "${promise}" is there`, () => {
    expect(readFileSync(at(file), "utf8").replace(/\s+/g, " ")).toContain(name);
  });
}

function sectionOf(file: string, heading: string): string {
  const [, section = ""] = readFileSync(at(file), "utf8").split(`${heading}\n`);
  return section.split(/^## /m)[0]!;
}
