/** The first command that anyone runs, as they run it, with the demo upstream for a model. */

import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Program, run } from "../../scripts/program.ts";
import { at, root } from "../../scripts/root.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";

const WITHIN_MS = 60_000;

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
  const [url = "", ...flags] = (await shellWords(line)).slice(2);
  const [authorization = "", contentType = ""] = flags.filter((_, i) => flags[i - 1] === "-H");
  const answer = await fetch(url, {
    method: "POST",
    headers: Object.fromEntries([authorization, contentType].map((one) => one.split(": "))),
    body: flags.at(-1) ?? null,
  });
  expect(await answer.text()).toContain("data: [DONE]");
  expect(await program.stop()).toBe(0);
}, WITHIN_MS);

/** A line as a shell takes it apart. The machine may lack curl itself. */
async function shellWords(line: string): Promise<string[]> {
  const { output } = await run(["sh", "-c", `printf '%s\\n' ${line}`]);
  return output.split("\n");
}
