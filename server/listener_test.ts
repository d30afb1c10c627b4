/** What a gateway says while it has no certificate yet. */

import { expect, test } from "bun:test";
import { readConfig } from "./base/read_config.ts";
import { silentLog } from "./base/log.ts";
import { listen } from "./listener.ts";
import type { GatewayParts } from "./gateway_parts.ts";
import type { KeyPair } from "./tls/certificates.ts";

test("a gateway that waits for its first certificate says so as soon as it listens, and goes on waiting", async () => {
  const config = readConfig({
    PORT: "0",
    COLINK_HTTP_PORT: "0",
    COLINK_HOST: "127.0.0.1",
    COLINK_DOMAIN: "co-link.example.com",
    JWT_SECRET: crypto.randomUUID(),
  });
  const { promise: certificate, reject } = Promise.withResolvers<KeyPair>();
  const parts = {
    config,
    log: silentLog,
    links: { handlers: () => ({ message() {} }) },
    cluster: null,
    downloads: { script: () => () => new Response(null) },
    certificates: { start: () => certificate },
  } as unknown as GatewayParts;
  const said: string[] = [];
  const listening = listen(config, parts, false, () => void said.push("waits"))
    .catch(() => void said.push("ended"));
  await Bun.sleep(0);
  expect(said).toEqual(["waits"]);
  reject(new Error("none can ever come"));
  await listening;
  expect(said).toEqual(["waits", "ended"]);
});
