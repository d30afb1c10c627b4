/** What is shipped says what the documentation promises. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { at } from "../scripts/root.ts";

function readYaml(file: string) {
  return parse(readFileSync(at(file), "utf8"));
}

test("compose publishes the gateway's port and no other", () => {
  const { services, networks } = readYaml("compose.yaml");
  expect(services.gateway.ports).toEqual(["8080:8080"]);
  expect(services.postgres.ports).toBeUndefined();
  expect(services.redis.ports).toBeUndefined();
  expect(services.postgres.networks).toEqual(["inside"]);
  expect(services.redis.networks).toEqual(["inside"]);
  expect(networks.inside.internal).toBe(true);
});

test("compose does not start without a secret of one's own", () => {
  expect(readYaml("compose.yaml").services.gateway.environment.JWT_SECRET).toMatch(
    /^\$\{JWT_SECRET:\?/,
  );
});

test("the example configuration is the one that the README explains", () => {
  expect(readYaml("config.example.yaml")).toEqual({
    client_token: "client-your-token-here",
    server_url: "ws://your-server:8080/ws",
    max_parallel: 3,
    providers: [{
      type: "openai",
      api_key: "sk-your-api-key",
      base_url: "https://api.openai.com/v1",
      models: [{ local: "gpt-4-turbo", server_mapping: "pro-model" }],
    }],
  });
});

test("package.json and deno.json have the same tasks", () => {
  const { scripts } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  const { tasks } = JSON.parse(readFileSync(at("deno.json"), "utf8"));
  expect(tasks).toEqual(scripts);
});
