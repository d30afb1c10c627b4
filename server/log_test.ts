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

test("lines leave in their order, the last of them when the process ends", async () => {
  const script = `
    const { createLog } = await import(${JSON.stringify(import.meta.resolve("./log.ts"))});
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
