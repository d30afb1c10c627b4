/// <reference types="bun" />
import { expect, test } from "bun:test";
import { parse } from "yaml";
import {
  callSnippets,
  clientConfig,
  gatewayAddress,
  type UpstreamName,
  upstreams,
  webSocketUrl,
} from "./snippet.ts";

const example = {
  address: "https://colink.example",
  apiToken: "sk-colink-abc",
  model: `it's a "model"`,
};

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

test("a shell reads the curl command as one call, whatever the model is named", async () => {
  const line = callSnippets.curl(example).replace(/^curl/, "printf '%s\\n'");
  const words = (await new Response(Bun.spawn(["sh", "-c", line]).stdout).text()).split("\n");
  expect(words[0]).toBe("https://colink.example/v1/chat/completions");
  expect(words).toContain("Authorization: Bearer sk-colink-abc");
  expect(JSON.parse(words[words.indexOf("-d") + 1] ?? "").model).toBe(example.model);
});

test("the JavaScript example is JavaScript, whatever the model is named", () => {
  const code = callSnippets.JavaScript(example);
  expect(() => new Bun.Transpiler({ loader: "js" }).transformSync(code)).not.toThrow();
  expect(code).toContain(JSON.stringify(example.model));
});

test("a shell exports the variables to the programs that it starts", () => {
  const script = `${
    callSnippets.env(example)
  }\nprintf '%s %s' "$OPENAI_BASE_URL" "$OPENAI_API_KEY"`;
  const { stdout } = Bun.spawnSync(["sh", "-c", script]);
  expect(stdout.toString()).toBe("https://colink.example/v1 sk-colink-abc");
});
