/** The first command that anyone runs, as they run it, with the demo upstream for a model. */

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "../scripts/program.ts";
import { at, root } from "../scripts/root.ts";
import { endAfterTests } from "./harness/cleanup.ts";

const WITHIN_MS = 60_000;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "co-link-quickstart-"));
  endAfterTests(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function quickstart(dataDir: string, ...flags: string[]): Program {
  const command = [process.execPath, at("scripts", "quickstart.ts"), "--demo", "--data", dataDir];
  const program = new Program("quickstart", [...command, ...flags], {
    cwd: root,
    env: { ...process.env, PORT: "0" },
  });
  endAfterTests(() => program.kill());
  return program;
}

test(
  "quickstart --check gets a streamed answer and leaves nothing running, twice in a row",
  async () => {
    const dataDir = temporaryFolder();
    for (let i = 0; i < 2; i++) {
      const program = quickstart(dataDir, "--check");
      const code = await program.ended;
      expect(program.lines.join("\n")).toContain('wait for a first streamed answer: "Hello!');
      expect(code).toBe(0);
    }
    for (const file of ["account.json", "node.yaml"]) {
      expect(statSync(join(dataDir, file)).mode & 0o077).toBe(0);
    }
    const gatewayLog = readFileSync(join(dataDir, "gateway.log"), "utf8");
    const url = /"url":"([^"]+)"/.exec(gatewayLog)?.[1] ?? "";
    await expect(fetch(url)).rejects.toThrow();
  },
  WITHIN_MS,
);

test("the curl line that quickstart prints works, and SIGTERM ends all with 0", async () => {
  const program = quickstart(temporaryFolder());
  const line = await program.line((one) => one.startsWith("curl ") ? one : undefined, WITHIN_MS);
  const curl = new Program("curl", ["sh", "-c", line]);
  expect(await curl.ended).toBe(0);
  expect(curl.lines).toContain("data: [DONE]");
  expect(await program.stop()).toBe(0);
}, WITHIN_MS);
