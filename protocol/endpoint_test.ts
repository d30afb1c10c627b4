import { expect, test } from "bun:test";
import { Endpoint, endpointsOf } from "./mod.ts";

test("a model without capabilities, or without endpoints in them, is served at chat only", () => {
  expect(endpointsOf(undefined)).toEqual([Endpoint.chat]);
  expect(endpointsOf({ tools: true })).toEqual([Endpoint.chat]);
});

test("a model is served at the endpoints that are announced for it, each once, in one order", () => {
  const endpoints = [Endpoint.responses, Endpoint.embeddings, Endpoint.responses];
  expect(endpointsOf({ endpoints })).toEqual([Endpoint.embeddings, Endpoint.responses]);
});

test("an endpoint of a later version is passed over", () => {
  expect(endpointsOf({ endpoints: ["/v2/chat", Endpoint.chat, "toString"] })).toEqual([
    Endpoint.chat,
  ]);
});
