import { describe, expect, test } from "bun:test";
import { HEADER_BYTES, MAX_FRAME_BYTES } from "../protocol/mod.ts";
import { TAG_BYTES } from "./cluster/frame_cipher.ts";
import { CarriedLink } from "./node/carried_link.ts";
import { socketHandlers } from "./sockets.ts";

/** How many bytes each kind of handler has received, and with which code the socket was closed. */
function received(nodeBytes: number, data: object, bytes: number) {
  const seen: string[] = [];
  const take = (kind: string) => ({
    message: (_ws: unknown, message: { length: number }) =>
      void seen.push(`${kind} ${message.length}`),
  });
  const nodes = { ...take("node"), maxPayloadLength: nodeBytes, data: {} };
  const handlers = socketHandlers(nodes as never, take("gateway") as never);
  const ws = { data, close: (code: number) => seen.push(`closed ${code}`) };
  if (bytes > handlers.maxPayloadLength!) return ["refused"];
  void handlers.message!(ws as never, new Uint8Array(bytes) as never);
  return seen;
}

const largest = MAX_FRAME_BYTES + HEADER_BYTES + TAG_BYTES;
const carried = { link: Object.create(CarriedLink.prototype) };

describe("a gateway that takes small frames from nodes", () => {
  test("takes the largest message of another gateway", () => {
    expect(received(65_536, { admitted: {} }, largest)).toEqual([`gateway ${largest}`]);
  });

  test("ends the link of a node that sends a larger one", () => {
    expect(received(65_536, { link: null }, 65_536)).toEqual(["node 65536"]);
    expect(received(65_536, { link: null }, 65_537)).toEqual(["closed 1009"]);
  });

  test("lets a node whose session another gateway holds send what that one takes", () => {
    expect(received(65_536, carried, MAX_FRAME_BYTES)).toEqual([`node ${MAX_FRAME_BYTES}`]);
  });
});

test("a gateway that takes larger frames takes them from nodes", () => {
  expect(received(8 << 20, { link: null }, 8 << 20)).toEqual([`node ${8 << 20}`]);
  expect(received(8 << 20, { link: null }, (8 << 20) + 1)).toEqual(["refused"]);
});
