import { describe, expect, test } from "bun:test";
import { ReceivedBody } from "./body.ts";

describe("the digest of a body", () => {
  test("is alike for bodies that are alike, also once they are given up, and differs for others", () => {
    for (const bytes of [100, 4 * 1024 * 1024]) {
      const bodyWith = (change: (bytes: Uint8Array) => Uint8Array | void) => {
        const body = new Uint8Array(bytes).fill(0x61);
        return new ReceivedBody(change(body) ?? body);
      };
      const digests = [
        bodyWith(() => {}),
        bodyWith((body) => void (body[7] = 0x62)),
        bodyWith((body) => void (body[bytes - 7] = 0x62)),
        bodyWith((body) => body.subarray(1)),
      ].map(({ digest }) => digest);
      expect(new Set(digests).size).toBe(4);
      const givenUp = bodyWith(() => {});
      givenUp.giveUp();
      expect(givenUp.digest).toBe(digests[0]!);
    }
  });
});
