/** A real node, as it is run: the executable, dialled in, with the benchmark's upstream as its provider. */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { at } from "../root.ts";
import { RELAYED_MODEL } from "./chat.ts";
import { connectedNodes, type Gateway, untilNodes } from "./gateway.ts";
import { ServerProcess } from "./server_process.ts";

/** More than any load here asks for at a time. */
const MAX_PARALLEL = 4096;

/** Resolves once the gateway counts it. */
export async function startNode(
  gateway: Pick<Gateway, "url" | "wsUrl" | "clientToken">,
  upstreamPort: number,
  folder: string,
): Promise<ServerProcess> {
  const program = at("bin", "client");
  if (!existsSync(program)) throw new Error("Cannot measure: bin/client is missing; bun run build");
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "config.yaml");
  writeFileSync(
    config,
    `client_token: ${gateway.clientToken}
server_url: ${gateway.wsUrl}
max_parallel: ${MAX_PARALLEL}
providers:
  - type: openai
    api_key: sk-bench
    base_url: http://127.0.0.1:${upstreamPort}/v1
    models:
      - local: ${RELAYED_MODEL}
`,
    { mode: 0o600 },
  );
  const before = await connectedNodes(gateway.url);
  const node = new ServerProcess({
    name: "node",
    command: [program, "-c", config],
    folder,
    cores: null,
  });
  await untilNodes(gateway.url, (nodes) => nodes === before + 1);
  return node;
}
