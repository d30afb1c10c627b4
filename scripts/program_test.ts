/** A program that we start can be waited for, read and ended. */

import { expect, test } from "bun:test";
import { Program, run } from "./program.ts";

function shell(script: string): Program {
  return new Program("script", ["sh", "-c", script]);
}

test("a line is found also when it was printed before anyone asked", async () => {
  const program = shell("echo one; echo two");
  await program.ended;
  const found = await program.line((line) => line === "two" ? line : undefined, 1000);
  expect(found).toBe("two");
});

test("waiting for a line ends with the program, and its last words are reported", async () => {
  const program = shell("echo the port is taken >&2; exit 3");
  await expect(program.line(() => undefined, 10_000)).rejects.toThrow(
    /ended with exit code 3; its last lines:\n\s+the port is taken/,
  );
  expect(await program.ended).toBe(3);
});

test("a program that does not heed SIGTERM is ended anyway", async () => {
  const program = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
  await program.line((line) => line === "ready" || undefined, 5000);
  await program.stop({ graceMs: 50 });
  expect(program.isRunning).toBe(false);
});

test("output without a final line break is not lost", async () => {
  expect(await run(["printf", "a\nb"])).toEqual({ code: 0, output: "a\nb" });
});

test("a character that is split between two reads stays whole", async () => {
  const { output } = await run(["sh", "-c", "printf '\\303'; sleep 0.05; printf '\\244\\n'"]);
  expect(output).toBe("ä");
});
