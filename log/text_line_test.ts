/** Log lines for people at a terminal. */

import { afterAll, afterEach, expect, spyOn, test } from "bun:test";
import { createLog } from "./create_log.ts";

const written: string[] = [];
const write = spyOn(process.stdout, "write").mockImplementation((text) => {
  written.push(String(text));
  return true;
});
afterEach(() => void written.splice(0));
afterAll(() => write.mockRestore());

test("people read a line of text for each event, with a level only where it matters", () => {
  const log = createLog("debug", true);
  log.info({ server: "ws://h/ws", models: ["a", "b"], count: 2, name: undefined }, "connected");
  log.warn({}, "careful");
  log.error({ at: { line: 1 } }, "broken");
  log.debug({}, "detail");
  expect(written.map((line) => line.replace(/^\d\d:\d\d:\d\d/, "TIME"))).toEqual([
    "TIME connected server=ws://h/ws models=a,b count=2\n",
    "TIME WARN careful\n",
    'TIME ERROR broken at={"line":1}\n',
    "TIME debug detail\n",
  ]);
});

test("nothing that a value holds moves the cursor of a terminal", () => {
  createLog("info", true).info({ models: ["a\u001b[2J", "b\nc"], name: "x\r" }, "connected");
  expect(written[0]).toEndWith("connected models=a?[2J,b?c name=x?\n");
});

test("a level that is set leaves out what lies below it, and an unknown one is info", () => {
  const levels: [level: string, logged: number][] = [
    ["debug", 4],
    ["info", 3],
    ["error", 1],
    ["silent", 0],
    ["loud", 3],
  ];
  for (const [level, logged] of levels) {
    const log = createLog(level, true);
    for (const write of [log.debug, log.info, log.warn, log.error]) write.call(log, {}, "x");
    expect(written.splice(0)).toHaveLength(logged);
  }
});
