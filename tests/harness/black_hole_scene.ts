/** A node whose gateway and provider have a black hole for their first address: prints what becomes of it. */

import { lookup } from "node:dns/promises";
import { createNode } from "../../client/mod.ts";
import { dialFault } from "../../client/http/dial_fault.ts";
import { HERE_ADDRESS } from "./black_hole.ts";

const provider = Bun.serve({
  hostname: HERE_ADDRESS,
  port: 0,
  fetch: () => Response.json({ object: "list", data: [{ id: "m", object: "model" }] }),
});

const registered = Promise.withResolvers<string>();
const gateway = Bun.serve({
  hostname: HERE_ADDRESS,
  port: 0,
  fetch: (request, server) => server.upgrade(request) ? undefined : new Response("no"),
  websocket: {
    // The first word in text says that this is wire v1.
    open: (socket) => void socket.send('{"type":"READY","data":{}}'),
    message: (_, text) => {
      if (String(text).includes('"models":["m"]')) registered.resolve(String(text));
    },
  },
});

async function faultOf(hostname: string): Promise<string> {
  const startedMs = performance.now();
  const socket = { data() {}, connectError() {} };
  const error = await Bun.connect({ hostname, port: 9, socket }).then(() => ({}), (error) => error);
  const target = { hostname, port: 9, elapsedMs: performance.now() - startedMs };
  return await dialFault((error as { code: string }).code, target);
}

const node = createNode({
  client_token: "client-x",
  server_url: `ws://server.test:${gateway.port}/ws`,
  providers: [{
    type: "openai",
    base_url: `http://server.test:${provider.port}/v1`,
    models: "auto",
  }],
});
node.start();
await registered.promise;

const addresses = await lookup("server.test", { all: true });
const hole = Bun.connect({
  hostname: "hole.test",
  port: 9,
  socket: { data() {}, connectError() {} },
});
const [holeIs, ...faults] = await Promise.all([
  Promise.race([hole.then(() => "open", () => "failed"), Bun.sleep(1_000).then(() => "silent")]),
  ...["closed.test", "elsewhere.test", "off.test"].map(faultOf),
]);
console.log(JSON.stringify({ first: addresses[0]!.family, holeIs, faults }));
process.exit(0);
