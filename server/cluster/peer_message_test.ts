/** What gateways send each other: the format that gateways of different versions share. */

import { describe, expect, test } from "bun:test";
import { decodeV2, HEADER_BYTES, MAX_FRAME_BYTES } from "../../protocol/mod.ts";
import { Node } from "../node/node.ts";
import { allFacts } from "../node/model_facts.ts";
import { identityIn, offerIn, recordOf } from "./node_record.ts";
import { decodePeerMessage, encodePeerMessage, isPeerMessage } from "./peer_message.ts";
import type { PeerMessage } from "./peer_message.ts";

const service = { model: "m", endpoint: "/v1/chat/completions" } as const;
const pin = { is: "pin", from: "gw-1", account: "a", response: "r", identity: "k/n" } as const;

/** As every version writes them. A change here breaks an upgrade of one gateway after the other. */
const written: readonly [PeerMessage, string][] = [
  [{ is: "hello", answer: "x", nonce: "n" }, '{"is":"hello","answer":"x","nonce":"n"}'],
  [{ is: "loads", loads: [["n", 2]] }, '{"is":"loads","loads":[["n",2]]}'],
  [
    { is: "wants", service, waiting: [{ age_ms: 5, tried: ["n"], home: "k/n" }] },
    '{"is":"wants","service":{"model":"m","endpoint":"/v1/chat/completions"},' +
    '"waiting":[{"age_ms":5,"tried":["n"],"home":"k/n"}]}',
  ],
  [
    { is: "offer", grant: 7, node: "n", service },
    '{"is":"offer","grant":7,"node":"n",' +
    '"service":{"model":"m","endpoint":"/v1/chat/completions"}}',
  ],
  [{ is: "decline", grant: 7 }, '{"is":"decline","grant":7}'],
  [{ is: "suspended", stream: 3 }, '{"is":"suspended","stream":3}'],
  [{ is: "resumed", stream: 3 }, '{"is":"resumed","stream":3}'],
  [
    { is: "watch", accounts: ["a"], isWatched: true },
    '{"is":"watch","accounts":["a"],"isWatched":true}',
  ],
  [
    { is: "live", account: "a", name: "call", data: "{}" },
    '{"is":"live","account":"a","name":"call","data":"{}"}',
  ],
  [pin, '{"is":"pin","from":"gw-1","account":"a","response":"r","identity":"k/n"}'],
];

function frameOf(...bytes: number[]): Uint8Array {
  return Uint8Array.of(64, 0, 0, 0, 0, 0, 0, 0, ...bytes);
}

describe("a message", () => {
  for (const [message, text] of written) {
    test(`"${message.is}" is a frame of type 64 with this JSON`, () => {
      const frame = encodePeerMessage(message);
      expect([...frame.subarray(0, HEADER_BYTES)]).toEqual([64, 0, 0, 0, 0, 0, 0, 0]);
      expect(Buffer.from(frame.subarray(HEADER_BYTES)).toString()).toBe(text);
      expect(isPeerMessage(frame)).toBe(true);
      expect(decodePeerMessage(frame)).toEqual(message);
    });
  }

  test("may be as large as a frame, and no larger", () => {
    const around = HEADER_BYTES + '{"is":"hello","answer":"","nonce":""}'.length;
    const answerOf = (frameBytes: number) => "x".repeat(frameBytes - around);
    const most = encodePeerMessage({ is: "hello", answer: answerOf(MAX_FRAME_BYTES), nonce: "" });
    expect(most.byteLength).toBe(MAX_FRAME_BYTES);
    expect(decodePeerMessage(most)).toMatchObject({ is: "hello" });
    const larger = encodePeerMessage({
      is: "hello",
      answer: answerOf(MAX_FRAME_BYTES + 1),
      nonce: "",
    });
    expect(() => decodePeerMessage(larger)).toThrow();
  });

  test("that is no JSON, or no text, is not read", () => {
    expect(() => decodePeerMessage(frameOf(0x7b))).toThrow();
    expect(() => decodePeerMessage(frameOf(0x22, 0xff, 0x22))).toThrow();
  });

  test("is of a type that wire v2 does not use", () => {
    expect(isPeerMessage(Uint8Array.of(1, 0, 0, 0))).toBe(false);
    const decoded = decodeV2(encodePeerMessage({ is: "decline", grant: 1 }));
    expect(decoded.kind).not.toBe("frame");
  });
});

describe("a node's record", () => {
  const who = { publicId: "n", nodeKey: "k/n", accountId: "a", keyId: "key" };
  const facts = {
    endpoints: ["/v1/messages"],
    contextLength: 9,
    tools: true,
    vision: null,
  } as const;
  const whole = allFacts(facts);
  const offer = { name: "N", agent: "co-link/1", maxParallel: 2, models: ["m", "x"] };
  const connection = { start: () => null, close() {} };

  test("is this JSON, whatever the program calls its fields", () => {
    const stated = { ...offer, facts: new Map([["m", whole]]) };
    const node = new Node(who, stated, connection, 11, null, { isDraining: true });
    expect(JSON.stringify(recordOf(node, 22))).toBe(
      '{"who":{"id":"n","identity":"k/n","accountId":"a","keyId":"key"},' +
        '"offer":{"name":"N","agent":"co-link/1","maxParallel":2,"models":["m","x"],' +
        '"facts":[["m",{"endpoints":["/v1/messages"],"contextLength":9,"maxOutputTokens":null,"tools":true,' +
        '"vision":null,"thinking":null,"loaded":null}]]},' +
        '"isDraining":true,"connectedAt":11,"sinceMs":22}',
    );
  });

  test("says why the node is paused, where it is", () => {
    const pause = { reason: "night", until: 5 };
    const node = new Node(who, offer, connection, 11, null, { isDraining: true, pause });
    expect(recordOf(node, 22).pause).toEqual(pause);
    expect("pause" in recordOf(new Node(who, offer, connection, 11), 22)).toBe(false);
  });

  test("says until when the node may come back, where its link is lost", () => {
    const node = new Node(who, offer, connection, 11, null, { reconnectsUntil: 7 });
    expect(recordOf(node, 22).reconnectsUntil).toBe(7);
    expect("reconnectsUntil" in recordOf(new Node(who, offer, connection, 11), 22)).toBe(false);
  });

  test("is read as the same identity and offer, with facts or without", () => {
    for (const one of [offer, { ...offer, facts: new Map([["m", whole]]) }]) {
      const record = recordOf(new Node(who, one, connection, 11), 22);
      const read = JSON.parse(JSON.stringify(record)) as typeof record;
      expect(identityIn(read)).toEqual(who);
      expect(offerIn(read)).toEqual(one);
    }
  });

  test("is read from a gateway of an older version, which knows fewer facts", () => {
    const record = recordOf(new Node(who, offer, connection, 11), 22);
    const older = {
      ...record,
      offer: { ...record.offer, facts: [["m", facts] as [string, object]] },
    };
    expect(offerIn(older).facts?.get("m")).toEqual(whole);
  });
});
