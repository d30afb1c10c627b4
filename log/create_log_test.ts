import { expect, spyOn, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { createLog } from "./create_log.ts";
import type { Log } from "./log.ts";
import { LogFile } from "./log_file.ts";

test("at a terminal a node's name cannot move the operator's cursor", () => {
  const write = spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    createLog("info", true).info({ name: "a\u001b[2Jb\nc", models: 4 }, "node connected");
    expect(write.mock.calls).toHaveLength(1);
    expect(write.mock.calls[0]![0]).toMatch(/^\S{8} node connected name=a\?\[2Jb\?c models=4\n$/);
  } finally {
    write.mockRestore();
  }
});

test("a line says its level, its time and its fields, whatever is in them", () => {
  const said = linesOf((log) => {
    log.debug({ text: "below the level" }, "left out");
    log.info({ name: 'a"b\n', none: undefined, nothing: null, models: 4 }, "node connected");
    log.warn({}, "no fields");
  });
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(said).toEqual([
    { level: 30, time, name: 'a"b\n', nothing: null, models: 4, msg: "node connected" },
    { level: 40, time, msg: "no fields" },
  ]);
});

test("an error is logged with its stack, its code and what caused it", () => {
  const cause = Object.assign(new TypeError("no such file"), { code: "ENOENT" });
  const err = new Error("cannot start", { cause });
  const [line] = linesOf((log) => log.error({ request: "req-1", err }, "unexpected error"));
  expect(line).toMatchObject({
    level: 50,
    request: "req-1",
    err: {
      type: "Error",
      message: "cannot start",
      stack: expect.stringContaining("log_test.ts"),
      cause: { type: "TypeError", message: "no such file", code: "ENOENT" },
    },
    msg: "unexpected error",
  });
});

test("what the system refuses, such as a full disk, is logged without a stack", async () => {
  const err = await readFile("/nowhere/at/all").catch((error: unknown) => error);
  const [line] = linesOf((log) => log.warn({ err }, "no room"));
  expect(line!.err).toMatchObject({ code: "ENOENT" });
  expect(line!.err).not.toHaveProperty("stack");
});

test("what cannot be written down costs a line its fields, and nobody an error", () => {
  const circle: { self?: object } = {};
  circle.self = circle;
  const err = new Error("its own cause");
  err.cause = err;
  const said = linesOf((log) => {
    log.warn({ circle }, "a circle");
    log.warn({ number: 1n }, "a large number");
    log.error({ err }, "an endless error");
  });
  expect(said.map(({ msg }) => msg)).toEqual(["a circle", "a large number", "an endless error"]);
});

test("lines leave in their order, the last of them when the process ends", async () => {
  const script = `
    const { createLog } = await import(${JSON.stringify(import.meta.resolve("./create_log.ts"))});
    const log = createLog("info", false);
    for (let line = 0; line < 500; line++) log.info({ line }, "said");
    process.exit();`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = (await child.stdout.text()).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).line)).toEqual(
    Array.from({ length: 500 }, (_, i) => i),
  );
});

test("a pipe that is full gets every byte in its order, lines longer than is gathered among them", () => {
  let written = "";
  let calls = 0;
  const file = new LogFile(1, (_descriptor, bytes) => {
    if (++calls % 2 === 0) throw Object.assign(new Error("full"), { code: "EAGAIN" });
    const part = bytes.subarray(0, 20_000);
    written += new TextDecoder().decode(part);
    return part.byteLength;
  });
  const lines = ["short\n", `${"long ".repeat(10_000)}\n`, "naïve café\n"];
  for (const line of lines) file.write(line);
  file.flush();
  expect(written).toBe(lines.join(""));
});

test("nobody who reads the log, or no room on its disk, stops the gateway", () => {
  for (const [code, tries] of [["EPIPE", 1], ["ENOSPC", 2]] as const) {
    let calls = 0;
    const file = new LogFile(1, () => {
      calls++;
      throw Object.assign(new Error(code), { code });
    });
    for (const line of ["one\n", "two\n"]) {
      file.write(line);
      file.flush();
    }
    expect(calls).toBe(tries);
  }
});

/** What is said to a log of level `info`, read back from what it writes. */
function linesOf(say: (log: Log) => void): Record<string, unknown>[] {
  let text = "";
  say(createLog("info", false, (line) => void (text += line)));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}
