/** The node's library on Deno, in both versions of the wire. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { StubGateway } from "../client/testing/stub_gateway.ts";
import { at } from "../scripts/root.ts";
import { createAccount } from "./harness/account.ts";
import { hello, stream } from "./harness/api.ts";
import { ending, piece } from "./harness/chunks.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";
import { startGateway } from "./harness/gateway.ts";
import { listNodes } from "./harness/node.ts";
import { startUpstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

/** Starts a node for the model `m`; `stop` makes it leave, and resolves with its last status. */
function startOnDeno(serverUrl: string, token: string, upstream: { url: string }) {
  const config = {
    client_token: token,
    server_url: serverUrl,
    providers: [{ type: "openai", base_url: upstream.url, models: [{ local: "m" }] }],
  };
  const file = join(temporaryFolder(), "node.ts");
  writeFileSync(
    file,
    `import { createNode } from ${JSON.stringify(at("client", "mod.ts"))};
const node = createNode(${JSON.stringify(config)});
node.start();
for await (const _ of Deno.stdin.readable) { /* until the test closes it */ }
await node.stop();
console.log(JSON.stringify(node.status));
`,
  );
  const deno = at("node_modules", ".bin", "deno");
  const process = Bun.spawn([deno, "run", "-A", "--config", at("deno.json"), file], {
    cwd: at("."),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  endAfterTests(() => process.kill("SIGKILL"));
  return {
    async stop(): Promise<unknown> {
      process.stdin.end();
      const status = JSON.parse(await new Response(process.stdout).text());
      expect(await process.exited).toBe(0);
      return status;
    },
  };
}

test(
  "a node on Deno registers with a gateway that knows only v1, serves a stream and leaves",
  async () => {
    const gateway = new StubGateway();
    endAfterTests(() => gateway.stop());
    const node = startOnDeno(gateway.url, "client-on-deno", startUpstream());
    expect(await gateway.registered()).toMatchObject({ models: ["m"], max_parallel: 1 });
    expect(gateway.tokens).toEqual(["client-on-deno"]);
    const { pieces, error } = await gateway.call("m", hello("m", { stream: true })).ended;
    expect(error).toBeNull();
    expect(JSON.parse(pieces[0]!).choices[0].delta).toEqual({
      role: "assistant",
      content: "hello",
    });
    expect(await node.stop()).toMatchObject({ state: "stopped", served: 1, failed: 0 });
  },
  180_000,
);

test("a node on Deno speaks v2 with the gateway of this version", async () => {
  const gateway = await startGateway();
  const { clientToken, apiToken } = await createAccount(gateway);
  const upstream = startUpstream({
    m: () => {
      const events = [piece("hello"), ending()].map((chunk) => `data: ${JSON.stringify(chunk)}`);
      const headers = { "content-type": "text/event-stream" };
      return new Response([...events, "data: [DONE]", ""].join("\n\n"), { headers });
    },
  });
  const node = startOnDeno(gateway.wsUrl, clientToken, upstream);
  await until("the node is listed", async () => (await listNodes(gateway)).length === 1);
  await until("the gateway says that it speaks v2", () =>
    gateway.log.some((line) => {
      const { msg, wire } = JSON.parse(line);
      return msg === "node connected" && wire === 2;
    }));
  const { events } = await stream(gateway, apiToken, hello("m"));
  expect(await Array.fromAsync(events)).toEqual([
    JSON.stringify(piece("hello")),
    JSON.stringify(ending()),
    "[DONE]",
  ]);
  expect(await node.stop()).toMatchObject({ state: "stopped", served: 1, failed: 0 });
}, 180_000);
