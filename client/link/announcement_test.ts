import { expect, test } from "bun:test";
import { MAX_CONTROL_BYTES } from "../../protocol/mod.ts";
import { announce } from "./announcement.ts";

test("a frame is filled to its last byte, with 24 KiB left for its other fields", () => {
  // The name, twice with its quotes, its capabilities, and two commas and a colon.
  const chars = (MAX_CONTROL_BYTES - 24 * 1024 - 2 * 2 - '{"tools":false}'.length - 3) / 2;
  expect(announce({ ["x".repeat(chars)]: { tools: false } }).leftOut).toBe(0);
  expect(announce({ ["x".repeat(chars + 1)]: { tools: false } })).toEqual({
    models: [],
    capabilities: {},
    leftOut: 1,
  });
});
