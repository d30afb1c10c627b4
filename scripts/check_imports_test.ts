/** The checker finds each kind of breach: a rule that cannot fail guards nothing. */

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { breaches } from "./check_imports.ts";
import { root } from "./root.ts";

/** The breaches in a tree that holds just these files. */
async function breachesIn(files: Record<string, string>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "imports-"));
  try {
    for (const [path, text] of Object.entries(files)) await Bun.write(join(folder, path), text);
    return breaches(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const allowed: Record<string, Record<string, string>> = {
  "a room imports the one below it": {
    "server/http/a.ts": `import { b } from "../call/b.ts";`,
    "server/call/b.ts": `import type { C } from "../../protocol/c.ts";`,
    "protocol/c.ts": "export type C = 1;",
  },
  "the console imports types of the API": {
    "web/api.ts": `import type { C } from "../api/c.ts";`,
  },
  "the API's schemas describe themselves": {
    "api/a.ts": `import { z } from "@hono/zod-openapi"; export const A = z.string();`,
  },
  "a test reaches for what it likes": {
    "server/node/a_test.ts": `import { b } from "../http/b.ts"; process.env.X;`,
  },
  "words in comments are free": {
    "server/call/a.ts": "/** Never a Response. */\n// not process.env\nexport {};",
  },
};

const forbidden: Record<string, [files: Record<string, string>, breach: RegExp]> = {
  "a room that looks up": [
    { "server/node/a.ts": `import { b } from "../call/b.ts";` },
    /server\/node\/a\.ts imports server\/call\/b\.ts/,
  ],
  "a type that looks up": [
    { "server/node/a.ts": `import type { B } from "../http/b.ts";` },
    /server\/node\/a\.ts imports server\/http\/b\.ts/,
  ],
  "an adapter that knows where its calls come from": [
    { "client/adapter/a.ts": `import type { B } from "../link/b.ts";` },
    /client\/adapter\/a\.ts imports client\/link\/b\.ts/,
  ],
  "a type of provider that knows another": [
    { "client/adapter/claude/a.ts": `import { b } from "../openai/b.ts";` },
    /claude\/a\.ts imports client\/adapter\/openai\/b\.ts/,
  ],
  "an import over several lines": [
    { "client/a.ts": `import {\n  one,\n  two,\n} from "../server/b.ts";` },
    /client\/a\.ts imports server\/b\.ts/,
  ],
  "a re-exported type": [
    { "server/limit/a.ts": `export type { B } from "../store/b.ts";` },
    /server\/limit\/a\.ts imports server\/store\/b\.ts/,
  ],
  "an import made at run time": [
    { "client/a.ts": `const b = await import("../server/b.ts");` },
    /client\/a\.ts imports server\/b\.ts/,
  ],
  "a console that imports code": [
    { "web/a.ts": `import { c } from "../api/c.ts"; c();` },
    /web may import api\/clients\.ts, client\/phrases\.ts, text, types of api/,
  ],
  "a protocol that imports anything of ours": [
    { "protocol/a.ts": `import { b } from "../client/b.ts"; b();` },
    /protocol may import nothing of ours/,
  ],
  "Hono below http": [
    { "server/call/a.ts": `import type { Context } from "hono";` },
    /names hono: Hono belongs to server\/http/,
  ],
  "a schema of the API that knows OpenAPI only if another file was loaded first": [
    { "api/a.ts": `import { z } from "zod"; export const A = z.string();` },
    /api\/a\.ts names zod: zod from elsewhere than @hono\/zod-openapi belongs to client/,
  ],
  "SQL outside the store": [
    { "server/account/a.ts": `import { Database } from "bun:sqlite"; new Database();` },
    /names bun:sqlite/,
  ],
  "Redis outside the limiter": [
    { "server/call/a.ts": `import Redis from "ioredis"; new Redis();` },
    /names ioredis/,
  ],
  "the environment outside config": [
    { "server/limit/a.ts": "export const a = process.env.A;" },
    /names process\.env/,
  ],
  "a Response outside http": [
    { "server/call/a.ts": "export const a = new Response();" },
    /names Response/,
  ],
  "two files in a circle, also by types": [
    {
      "client/a.ts": `import { b } from "./b.ts"; export const a = b;`,
      "client/b.ts": `import type { a } from "./a.ts"; export const b: typeof a = 1;`,
    },
    /cycle: client\/a\.ts → client\/b\.ts → client\/a\.ts/,
  ],
};

for (const [name, files] of Object.entries(allowed)) {
  test(`${name}: no breach`, async () => {
    expect(await breachesIn(files)).toEqual([]);
  });
}

for (const [name, [files, breach]] of Object.entries(forbidden)) {
  test(`${name} is a breach`, async () => {
    const found = await breachesIn(files);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(breach);
  });
}

test("tests take fast-check by way of the harness, which gives it the same seed in each run", () => {
  const files = new Bun.Glob(
    "{protocol,log,api,service,server,client,web,scripts,tests}/**/*.{ts,tsx}",
  );
  const direct = [...files.scanSync({ cwd: root })].filter((path) => {
    return /^import .* from "fast-check";$/m.test(readFileSync(join(root, path), "utf8"));
  });
  expect(direct).toEqual(["tests/harness/fast_check.ts"]);
});
