/** A gateway and a node over the scripted model servers, for real clients. */

import type { CreatedKey } from "../../../api/mod.ts";
import { createAccount } from "../../../tests/harness/account.ts";
import { endAfterTests } from "../../../tests/harness/cleanup.ts";
import { done } from "../../../tests/harness/console_api.ts";
import { type Gateway, startGateway } from "../../../tests/harness/gateway.ts";
import { startNode } from "../../../tests/harness/node.ts";
import { ScriptedServers } from "./scripted_servers.ts";
import { serverKinds } from "./server_kind.ts";

export interface Scene {
  gateway: Gateway;
  servers: ScriptedServers;
  /** A key without limits. */
  key: string;
  /** A key with one call a minute. */
  limitedKey: string;
}

export async function startScene(): Promise<Scene> {
  const servers = new ScriptedServers();
  await servers.start();
  endAfterTests(() => servers.stop());
  const gateway = await startGateway({ env: { COLINK_PENALTY_SECONDS: "0" } });
  const account = await createAccount(gateway);
  await startNode({
    gateway,
    clientToken: account.clientToken,
    maxParallel: 10,
    providers: serverKinds.map((kind) => ({
      type: kind === "claude" ? "claude" as const : "openai" as const,
      api_key: "sk-scripted",
      base_url: servers.baseUrl(kind),
      models: [{ local: `${kind}-model` }],
    })),
  });
  const { token } = await done<CreatedKey>(gateway, account, "POST /keys", {
    name: "limited",
    rpm: 1,
  });
  return { gateway, servers, key: account.apiToken, limitedKey: token };
}
