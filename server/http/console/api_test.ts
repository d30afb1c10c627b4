/** The console's API as it describes itself, without a gateway around it. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AppParts } from "../parts.ts";
import { consoleApi } from "./api.ts";

interface Operation {
  description: string;
  security?: unknown[];
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties?: object }> };
}

const rates = { take: () => {} };
const anything: unknown = new Proxy({ rates }, {
  get: (given, name) => name === "rates" ? given.rates : () => ({}),
});
const document = await (await consoleApi(anything as AppParts).request("/openapi.json"))
  .json() as Document;

test("docs/console-api.md has a row for each route, which says what the OpenAPI document says", () => {
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map((
      [method, { description, security }],
    ) => [method.toUpperCase(), `/api${path}`, security ? "session" : "everybody", description])
  );
  const docs = readFileSync(join(import.meta.dir, "../../../docs/console-api.md"), "utf8");
  const rows = [
    ...docs.matchAll(/^\| (GET|POST|PUT|PATCH|DELETE) *\| `(.*?)` *\| (\w+) *\| (.*?) *\|$/gm),
  ];
  const documented = rows.map(([, method, path, who, what]) => {
    return [method, path, who === "everybody" ? who : "session", what];
  });
  expect(documented.toSorted()).toEqual(routes.toSorted());
});

test("the events of the live stream are described by name, each with its data", () => {
  const { properties } = document.components.schemas.LiveEvents!;
  expect(Object.keys(properties!)).toContain("session_over");
});

test("the audit log can be read through the API, and not changed", () => {
  const routes = Object.entries(document.paths).filter(([path]) => path.includes("audit"));
  expect(routes.map(([path, operations]) => [path, Object.keys(operations)]))
    .toEqual([["/admin/audit", ["get"]]]);
});
