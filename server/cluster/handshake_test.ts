import { describe, expect, test } from "bun:test";
import { Handshake, isEqual } from "./handshake.ts";

const SECRET = "s".repeat(32);

describe("a gateway that dials another", () => {
  test("is let in, and learns that the other knows the secret as well", () => {
    const [one, other] = [new Handshake(SECRET, "gw-1"), new Handshake(SECRET, "gw-2")];
    const { header, answer } = one.dial("gw-2");
    expect(other.admit(header)).toEqual({ peer: "gw-1", answer });
    expect(header).not.toContain(SECRET);
    expect(header).not.toContain(answer);
  });

  test("is let in by each of its headers once, and by none older than one that was used", () => {
    const [one, other] = [new Handshake(SECRET, "gw-1"), new Handshake(SECRET, "gw-2")];
    const [first, second, third] = [1, 2, 3].map(() => one.dial("gw-2").header);
    expect(other.admit(first!)).not.toBeNull();
    expect(other.admit(first!)).toBeNull();
    expect(other.admit(third!)).not.toBeNull();
    expect(other.admit(second!)).toBeNull();
  });

  test("is not let in with another secret, for another gateway, or in another's name", () => {
    const other = new Handshake(SECRET, "gw-2");
    const { header } = new Handshake(SECRET, "gw-1").dial("gw-2");
    const [, to, number, proof] = header.split(" ");
    const wrong = [
      new Handshake("t".repeat(32), "gw-1").dial("gw-2").header,
      new Handshake(SECRET, "gw-1").dial("gw-3").header,
      `gw-9 ${to} ${number} ${proof}`,
      `gw-1 ${to} 999 ${proof}`,
      `gw-1 ${to} ${number} ${proof!.slice(1)}`,
      "",
      "gw-1",
    ];
    for (const header of wrong) expect(other.admit(header)).toBeNull();
    expect(other.admit(header)).not.toBeNull();
  });
});

describe("a gateway that is dialled", () => {
  test("remembers 10,000 others, those longest that have dialled last", () => {
    const dialled = new Handshake(SECRET, "gw");
    const headerOf = (id: string) => new Handshake(SECRET, id).dial("gw").header;
    const [first, second] = [headerOf("gw-0"), headerOf("gw-1")];
    const again = new Handshake(SECRET, "gw-0");
    again.dial("gw");
    for (const header of [first, second]) expect(dialled.admit(header)).not.toBeNull();
    expect(dialled.admit(again.dial("gw").header)).not.toBeNull();
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
