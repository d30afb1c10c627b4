import { expect, test } from "bun:test";
import { FakeWorld } from "../testing/fake_world.ts";
import { raiseConnectionLimit } from "./connection_limit.ts";

const LIMIT = "BUN_CONFIG_MAX_HTTP_REQUESTS";

/** What a program with that limit in its environment becomes, and what it logs. */
function raised(maxParallel: number, env: Record<string, string> = {}, canExec = true) {
  const { log, logged } = new FakeWorld();
  const became: unknown[] = [];
  const execve = (path: string, args: readonly string[], env: object) =>
    void became.push({ path, args, env });
  const process = { argv: ["bun", "main.ts", "-c", "x"], env, execPath: "/bin/bun" };
  raiseConnectionLimit(
    maxParallel,
    { ...process, ...(canExec && { execve }) } as Parameters<typeof raiseConnectionLimit>[1],
    log,
  );
  return { became, logged };
}

test("a node within the runtime's limit stays as it is", () => {
  expect(raised(256)).toEqual({ became: [], logged: [] });
  expect(raised(300, { [LIMIT]: "300" })).toEqual({ became: [], logged: [] });
});

test("a node above it becomes one with that limit, and the same arguments and environment", () => {
  expect(raised(257, { HOME: "/h" }).became).toEqual([{
    path: "/bin/bun",
    args: ["/bin/bun", Bun.main, "-c", "x"],
    env: { HOME: "/h", [LIMIT]: "257" },
  }]);
});

test("where a program cannot replace itself, the log says how to start it", () => {
  expect(raised(300, {}, false).logged).toEqual([
    `warn: max_parallel is over 256: start with ${LIMIT}=300 in the environment`,
  ]);
});
