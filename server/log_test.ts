import { expect, spyOn, test } from "bun:test";
import { createLog } from "./log.ts";

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
