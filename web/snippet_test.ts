/// <reference types="bun" />
import { expect, test } from "bun:test";
import { parse } from "yaml";
import {
  clientConfig,
  gatewayAddress,
  type UpstreamName,
  upstreams,
  webSocketUrl,
} from "./snippet.ts";

test("the address is the public one where configured, otherwise the console's own", () => {
  const origin = "http://192.168.1.20:8080";
  expect(gatewayAddress(null, origin)).toBe(origin);
  expect(gatewayAddress({ public_url: null }, origin)).toBe(origin);
  expect(gatewayAddress({ public_url: "https://colink.example/" }, origin))
    .toBe("https://colink.example");
});

test("nodes connect to the gateway's address with the matching WebSocket scheme", () => {
  expect(webSocketUrl("http://192.168.1.20:8080")).toBe("ws://192.168.1.20:8080/ws");
  expect(webSocketUrl("https://colink.example")).toBe("wss://colink.example/ws");
});

test("every node configuration is YAML with the token, the address and the models", () => {
  for (const name of Object.keys(upstreams) as UpstreamName[]) {
    const config = parse(clientConfig("https://colink.example", "client-abc", name));
    expect(config.client_token).toBe("client-abc");
    expect(config.server_url).toBe("wss://colink.example/ws");
    expect(config.max_parallel).toBeGreaterThan(0);
    expect(config.providers).toHaveLength(1);
    const { model } = upstreams[name];
    expect(config.providers[0].models).toEqual(
      model === null ? "auto" : [{ local: model, server_mapping: model }],
    );
  }
});

test("keys of cloud providers are read from the node's environment, never stored in the file", () => {
  expect(parse(clientConfig("http://a", "client-abc", "OpenAI")).providers[0].api_key)
    .toBe("${OPENAI_API_KEY}");
  expect(parse(clientConfig("http://a", "client-abc", "Claude")).providers[0].type).toBe("claude");
});
