import { expect, test } from "bun:test";
import packageJson from "../package.json" with { type: "json" };
import { figures } from "./bench/figures.ts";
import { run } from "./program.ts";
import { root } from "./root.ts";

const tasks = Object.keys(packageJson.scripts);

test("every task says with --help how it is called, and does nothing else", async () => {
  for (const task of tasks) {
    const { code, output } = await run([process.execPath, "run", task, "--help"], { cwd: root });
    const name = { ok: "test" }[task] ?? task.replace(/^build:.*/, "build");
    expect({ task, code, isUsage: output.includes(`bun run ${name}`) })
      .toEqual({ task, code: 0, isUsage: true });
    expect(output).not.toContain("✓");
  }
});

test("what a task can be asked for is listed below its usage", async () => {
  const { output } = await run([process.execPath, "run", "bench", "--help"], { cwd: root });
  for (const { name, about } of figures) {
    expect(output).toMatch(new RegExp(`^${name} +${about}$`, "m"));
  }
});
