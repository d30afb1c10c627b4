import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StubGateway } from "../client/testing/stub_gateway.ts";
import { eventStream, sse, StubUpstream } from "../client/testing/stub_upstream.ts";

const root = join(import.meta.dir, "..");
const deno = join(root, "node_modules/.bin/deno");
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "colink-deno-"))));
afterAll(() => rmSync(folder, { recursive: true }));

test("the node's library runs on Deno: it registers, serves a stream and leaves", async () => {
  const gateway = new StubGateway();
  const chunk = { choices: [{ index: 0, delta: { role: "assistant" }, finish_reason: "stop" }] };
  const upstream = new StubUpstream(() => eventStream([sse(chunk, "[DONE]")]));
  const program = join(folder, "node.ts");
  writeFileSync(
    program,
    `import { createNode } from ${JSON.stringify(join(root, "client/mod.ts"))};
const node = createNode({
  client_token: "client-on-deno",
  server_url: ${JSON.stringify(gateway.url)},
  providers: [{ type: "openai", base_url: ${
      JSON.stringify(upstream.url)
    }, models: [{ local: "m" }] }],
});
node.start();
for await (const _ of Deno.stdin.readable) { /* until the test closes it */ }
await node.stop();
console.log(JSON.stringify(node.status));
`,
  );
  const process = Bun.spawn([deno, "run", "-A", "--config", join(root, "deno.json"), program], {
    cwd: root,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    expect(await gateway.registered()).toMatchObject({ models: ["m"], max_parallel: 1 });
    expect(gateway.tokens).toEqual(["client-on-deno"]);
    const { pieces, error } = await gateway.call("m", { stream: true, messages: [] }).ended;
    expect(error).toBeNull();
    expect(pieces).toEqual([JSON.stringify(chunk)]);
    process.stdin.end();
    const status = JSON.parse(await new Response(process.stdout).text());
    expect(status).toMatchObject({ state: "stopped", served: 1, failed: 0 });
    expect(await process.exited).toBe(0);
  } finally {
    process.kill("SIGKILL");
    await Promise.all([gateway.stop(), upstream.stop()]);
  }
}, 30_000);
