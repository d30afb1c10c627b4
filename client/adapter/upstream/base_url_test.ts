import { expect, test } from "bun:test";
import { claudeAddress } from "../claude.ts";
import { openAiAddress } from "../openai.ts";
import { baseUrlOf } from "./base_url.ts";

const addresses = { openai: openAiAddress, claude: claudeAddress };

const of = (type: "openai" | "claude", base_url?: string, api_path?: string) =>
  baseUrlOf({ base_url, api_path }, addresses[type]).href;

test("a provider without a base URL is the vendor's own", () => {
  expect(of("openai")).toBe("https://api.openai.com/v1");
  expect(of("claude")).toBe("https://api.anthropic.com/v1");
});

test("a bare host has its API under /v1", () => {
  for (const written of ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1//"]) {
    expect(of("openai", written)).toBe("http://h:1/v1");
    expect(of("claude", written)).toBe("http://h:1/v1");
  }
});

test("another path is the API's own for OpenAI-compatible servers, and the parent of /v1 for Claude's", () => {
  expect(of("openai", "https://h/openai/")).toBe("https://h/openai");
  expect(of("claude", "https://h/anthropic/")).toBe("https://h/anthropic/v1");
});

test("api_path sets another path, including the root", () => {
  for (const type of ["openai", "claude"] as const) {
    expect(of(type, "http://h:1", "/")).toBe("http://h:1/");
    expect(of(type, "http://h:1/", "/api/v3/")).toBe("http://h:1/api/v3");
    expect(of(type, "https://h/proxy/?a=b", "/")).toBe("https://h/proxy?a=b");
  }
});

test("a query is kept, and a fragment dropped", () => {
  const azure = "https://r.example/openai/deployments/d?api-version=2024-10-21";
  expect(of("openai", `${azure}#x`)).toBe(azure);
  expect(of("openai", "http://h?a=b")).toBe("http://h/v1?a=b");
});
