import { expect, test } from "bun:test";
import type { ProviderConfig } from "../config/config.ts";
import { FakeWorld } from "../testing/fake_world.ts";
import { raiseConnectionLimit, warnOfLimit } from "./connection_limit.ts";

const LIMIT = "BUN_CONFIG_MAX_HTTP_REQUESTS";
const PROXY = "http://proxy:3128";

function configOf(maxParallel: number, provider: Partial<ProviderConfig>) {
  return {
    client_token: "client-x",
    server_url: "wss://gateway/ws",
    max_parallel: maxParallel,
    providers: [
      { type: "openai" as const, models: [], base_url: "http://127.0.0.1:8080/v1" },
      { type: "openai" as const, models: [], ...provider },
    ],
  };
}

/** What a program with that environment becomes, and what it logs. */
function raised(
  maxParallel: number,
  { env = {}, provider = { proxy: PROXY }, canExec = true }: {
    env?: Record<string, string>;
    provider?: Partial<ProviderConfig>;
    canExec?: boolean;
  } = {},
) {
  const { log, logged } = new FakeWorld();
  const became: unknown[] = [];
  const execve = (path: string, args: readonly string[], env: object) =>
    void became.push({ path, args, env });
  const process = { argv: ["bun", "main.ts", "-c", "x"], env, execPath: "/bin/bun" };
  raiseConnectionLimit(
    configOf(maxParallel, provider),
    { ...process, ...(canExec && { execve }) } as Parameters<typeof raiseConnectionLimit>[1],
    log,
  );
  return { became, logged };
}

test("a node within the runtime's limit stays as it is", () => {
  expect(raised(256)).toEqual({ became: [], logged: [] });
  expect(raised(300, { env: { [LIMIT]: "300" } })).toEqual({ became: [], logged: [] });
});

test("a node above it becomes one with that limit, and the same arguments and environment", () => {
  expect(raised(257, { env: { HOME: "/h" } }).became).toEqual([{
    path: "/bin/bun",
    args: ["/bin/bun", Bun.main, "-c", "x"],
    env: { HOME: "/h", [LIMIT]: "257" },
  }]);
});

const behindProxy: readonly [string, Partial<ProviderConfig>, Record<string, string>, boolean][] = [
  ["its own proxy", { proxy: PROXY }, {}, true],
  ["the environment's", { base_url: "https://a.example/v1" }, { HTTPS_PROXY: PROXY }, true],
  ["the environment's, to its type's own address", { type: "claude" }, { ALL_PROXY: PROXY }, true],
  ["none, where the environment names one", { proxy: "none" }, { ALL_PROXY: PROXY }, false],
  ["an exception to it", { type: "openai" }, { ALL_PROXY: PROXY, NO_PROXY: "*" }, false],
  ["nothing", { base_url: "https://a.example/v1" }, {}, false],
];
for (const [what, provider, env, isRestarted] of behindProxy) {
  test(`a node whose provider is reached through ${what} ${isRestarted ? "starts twice" : "starts once"}`, () => {
    expect(raised(10_000, { provider, env }).became).toHaveLength(isRestarted ? 1 : 0);
  });
}

test("where a program cannot replace itself, the log says how to start it", () => {
  const warning = "warn: max_parallel is over 256, and a proxy leads to a provider: " +
    `restart the node with ${LIMIT}=300 in the environment`;
  expect(raised(300, { canExec: false }).logged).toEqual([warning]);
  const { log, logged } = new FakeWorld();
  warnOfLimit(configOf(300, { proxy: PROXY }), {}, log);
  warnOfLimit(configOf(300, {}), {}, log);
  expect(logged).toEqual([warning]);
});
