/**
 * Records a running server's answers, byte for byte, for the adapters' tests:
 * `bun scripts/record.ts SERVER DIALECT ADDRESS MODEL [CASE…]`, e.g.
 * `bun scripts/record.ts llamacpp openai http://127.0.0.1:8080 gemma-3-270m`. RECORD_KEY holds the
 * key, if one is required. See client/adapter/recorded/README.md.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Case, cases, type Dialect, dialects } from "./record/cases.ts";
import { at } from "./root.ts";

const FOLDER = at("client", "adapter", "recorded");

interface Server {
  name: string;
  dialectName: string;
  dialect: Dialect;
  address: string;
  model: string;
}

async function main(server: Server, chosen: readonly Case[]): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  for (const request of chosen) {
    const response = await ask(server, request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const file = fileName(server, request, response);
    writeFileSync(`${FOLDER}/${file}`, bytes);
    console.log(`${file}: HTTP ${response.status}, ${bytes.byteLength} bytes`);
  }
}

function ask({ dialect, address, model }: Server, request: Case): Promise<Response> {
  return fetch(new URL(dialect.path, address), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "accept-encoding": "identity",
      ...dialect.headers(process.env.RECORD_KEY ?? "none"),
    },
    body: JSON.stringify(dialect.body(request, model)),
  });
}

/** `SERVER-DIALECT-CASE`, with the status of an error, and the kind of body as extension. */
function fileName({ name, dialectName }: Server, request: Case, response: Response): string {
  const status = response.ok ? "" : `-${response.status}`;
  const isStream = response.headers.get("content-type")?.includes("event-stream");
  return `${name}-${dialectName}-${request.name}${status}.${isStream ? "sse" : "json"}`;
}

const { positionals } = parseArgs({ allowPositionals: true });
const [name, dialectName = "", address, model, ...wanted] = positionals;
const dialect = Object.hasOwn(dialects, dialectName) ? dialects[dialectName] : undefined;
if (!name || !dialect || !address || !model) {
  const known = Object.keys(dialects).join("|");
  console.error(`Usage: bun scripts/record.ts SERVER ${known} ADDRESS MODEL [CASE…]`);
  process.exit(2);
}
const chosen = wanted.length === 0 ? cases : cases.filter((each) => wanted.includes(each.name));
await main({ name, dialectName, dialect, address, model }, chosen);
