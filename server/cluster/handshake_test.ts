import { describe, expect, test } from "bun:test";
import { Handshake, isEqual } from "./handshake.ts";

const SECRET = "s".repeat(32);
const URL = "http://10.0.0.2:8080";

/** The gateway gw-2 at its address, or another one. */
function gateway(id = "gw-2", { secret = SECRET, url = URL } = {}): Handshake {
  return new Handshake(secret, id, () => url);
}

const frame = () => new TextEncoder().encode("a prompt");

describe("a gateway that dials another", () => {
  test("is let in, and learns that the other knows the secret as well", () => {
    const { header, meet } = gateway("gw-1").dial("gw-2", URL);
    const admitted = gateway().admit(header)!;
    expect(admitted.peer).toBe("gw-1");
    expect(meet(admitted.proof)).not.toBeNull();
    expect(header).not.toContain(SECRET);
    expect(header).not.toContain(admitted.proof.answer);
  });

  test("is let in by each of its headers once, and by none older than one that was used", () => {
    const [one, other] = [gateway("gw-1"), gateway()];
    const [first, second, third] = [1, 2, 3].map(() => one.dial("gw-2", URL).header);
    expect(other.admit(first!)).not.toBeNull();
    expect(other.admit(first!)).toBeNull();
    expect(other.admit(third!)).not.toBeNull();
    expect(other.admit(second!)).toBeNull();
  });

  test("is not let in with another secret, for another gateway or address, or in another's name", () => {
    const other = gateway();
    const { header } = gateway("gw-1").dial("gw-2", URL);
    const [, to, number, proof] = header.split(" ");
    const wrong = [
      gateway("gw-1", { secret: "t".repeat(32) }).dial("gw-2", URL).header,
      gateway("gw-1").dial("gw-3", URL).header,
      gateway("gw-1").dial("gw-2", "http://10.6.6.6:8080").header,
      `gw-9 ${to} ${number} ${proof}`,
      `gw-1 ${to} 999 ${proof}`,
      `gw-1 ${to} ${number} ${proof!.slice(1)}`,
      "",
      "gw-1",
    ];
    for (const header of wrong) expect(other.admit(header)).toBeNull();
    expect(other.admit(header)).not.toBeNull();
  });

  test("refuses a gateway that does not know the secret, that is at another address, or that repeats a proof", () => {
    const one = gateway("gw-1");
    const { header, meet } = one.dial("gw-2", URL);
    const { proof } = gateway().admit(header)!;
    const strange = gateway("gw-2", { secret: "t".repeat(32) });
    const { proof: guessed } = strange.admit(
      gateway("gw-1", { secret: "t".repeat(32) }).dial("gw-2", URL).header,
    )!;
    expect(meet(guessed)).toBeNull();
    expect(meet({ ...proof, nonce: guessed.nonce })).toBeNull();
    expect(one.dial("gw-2", URL).meet(proof)).toBeNull();
    expect(meet(proof)).not.toBeNull();
  });
});

describe("the frames of a link", () => {
  const linkOf = (url: string) => {
    const { header, meet } = gateway("gw-1").dial("gw-2", url);
    const dialled = gateway("gw-2", { url }).admit(header)!;
    return [meet(dialled.proof)!.cipher, dialled.cipher] as const;
  };

  test("are sealed for the other end, in both directions, with keys of their own", () => {
    const [one, other] = linkOf(URL);
    const sealed = one!.seal(frame());
    expect(Buffer.from(sealed).includes("prompt")).toBe(false);
    expect(Buffer.from(other!.open(sealed)).toString()).toBe("a prompt");
    const back = other!.seal(frame());
    expect(Buffer.from(back)).not.toEqual(Buffer.from(sealed));
    expect(Buffer.from(one!.open(back)).toString()).toBe("a prompt");
  });

  test("are not taken when they were changed, repeated, left out or sent back", () => {
    const changes: ((first: Uint8Array, second: Uint8Array, own: Uint8Array) => Uint8Array)[] = [
      (first) => first.map((byte, i) => i === 3 ? byte ^ 1 : byte),
      (first) => first.subarray(0, -1),
      () => new Uint8Array(5),
      (_first, second) => second,
      (_first, _second, own) => own,
    ];
    for (const change of changes) {
      const [one, other] = linkOf(URL);
      const [first, second, own] = [one!.seal(frame()), one!.seal(frame()), other!.seal(frame())];
      expect(() => other!.open(change(first, second, own))).toThrow();
    }
    const [one, other] = linkOf(URL);
    const first = one!.seal(frame());
    other!.open(first);
    expect(() => other!.open(first)).toThrow();
  });

  test("need no seal where TLS encrypts them, or where they do not leave the machine", () => {
    for (
      const url of ["https://gw-2", "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"]
    ) {
      expect(linkOf(url)).toEqual([null, null]);
    }
    for (const url of ["http://127.0.0.1.example.com", "http://10.0.0.1", "http://[::2]:1"]) {
      expect(linkOf(url)).not.toContain(null);
    }
  });
});

describe("a gateway that is dialled", () => {
  test("remembers 10,000 others, those longest that have dialled last", () => {
    const dialled = gateway("gw");
    const headerOf = (id: string) => gateway(id).dial("gw", URL).header;
    const [first, second] = [headerOf("gw-0"), headerOf("gw-1")];
    const again = gateway("gw-0");
    again.dial("gw", URL);
    for (const header of [first, second]) expect(dialled.admit(header)).not.toBeNull();
    expect(dialled.admit(again.dial("gw", URL).header)).not.toBeNull();
    for (let i = 2; i < 10_000; i++) expect(dialled.admit(headerOf(`gw-${i}`))).not.toBeNull();
    for (const header of [first, second]) expect(dialled.admit(header)).toBeNull();
    expect(dialled.admit(headerOf("gw-10000"))).not.toBeNull();
    expect(dialled.admit(first)).toBeNull();
    // Only the one that dialled longest ago is forgotten: gateways that live dial with higher numbers.
    expect(dialled.admit(second)).not.toBeNull();
  });
});

test("texts are equal only as a whole", () => {
  expect(isEqual("abc", "abc")).toBe(true);
  for (const other of ["abd", "ab", "abcd", ""]) expect(isEqual("abc", other)).toBe(false);
});
