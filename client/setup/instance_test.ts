/** Which configuration a command is about. */

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configPathOf } from "./instance.ts";

const folder = mkdtempSync(join(tmpdir(), "colink-instance-"));
afterAll(() => rmSync(folder, { recursive: true }));
const system = join(folder, "system.yaml");
const own = join(folder, "co-link", "config.yaml");
const env = { XDG_CONFIG_HOME: folder };
mkdirSync(join(folder, "co-link"));
writeFileSync(system, "");
writeFileSync(own, "");

test("root means the node of the whole machine where there is one, others their own", () => {
  expect(configPathOf({}, env, { uid: 0, system })).toBe(system);
  expect(configPathOf({}, env, { uid: 0, system: join(folder, "none") })).toBe(own);
  expect(configPathOf({}, env, { uid: 1000, system })).toBe(own);
  expect(configPathOf({ config: "x.yaml" }, env, { uid: 0, system })).toBe("x.yaml");
});
