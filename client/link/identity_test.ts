import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeId } from "./identity.ts";

const folder = mkdtempSync(join(tmpdir(), "colink-identity-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a node's id stays the same for one configuration file on one machine", async () => {
  const env = { HOME: join(folder, "home") };
  const id = await nodeId("a.yaml", env);
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(await nodeId("a.yaml", env)).toBe(id);
  expect(await nodeId("b.yaml", env)).not.toBe(id);
  expect(await nodeId("a.yaml", { HOME: join(folder, "another") })).not.toBe(id);
});

test("the id is kept in the state folder, for its owner only, and does not stand in the id itself", async () => {
  const file = join(folder, "state", "co-link", "node-id");
  const env = { XDG_STATE_HOME: join(folder, "state"), HOME: join(folder, "unused") };
  const id = await nodeId("a.yaml", env);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8").replaceAll("-", "")).not.toContain(id);
  expect(existsSync(join(folder, "unused"))).toBe(false);
});

test("a state folder that cannot be written to gives an id for this process", async () => {
  const blocked = join(folder, "a-file");
  writeFileSync(blocked, "");
  const env = { XDG_STATE_HOME: blocked };
  expect(await nodeId("a.yaml", env)).toMatch(/^[0-9a-f]{32}$/);
  expect(await nodeId("a.yaml", env)).not.toBe(await nodeId("a.yaml", env));
});
