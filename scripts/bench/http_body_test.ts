import { expect, test } from "bun:test";
import { bodyReader } from "./http_body.ts";

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";
const wire = Buffer.from("5\r\nhello\r\na;x=1\r\n, \r\n0\r\n\r\nw\r\n3\r\nrld\r\n0\r\n\r\n");

for (const step of [1, 2, 3, 7, wire.length]) {
  test(`a chunked body is read whole from pieces of ${step} bytes`, () => {
    const reader = bodyReader(chunked);
    let content = "";
    const ends: boolean[] = [];
    for (let at = 0; at < wire.length; at += step) {
      ends.push(reader.take(wire.subarray(at, at + step), (piece) => content += piece));
    }
    expect(content).toBe("hello, \r\n0\r\n\r\nwrld");
    expect(ends.pop()).toBe(true);
    expect(ends).not.toContain(true);
  });
}

test("a body of known length ends with its last byte", () => {
  const reader = bodyReader("HTTP/1.1 200 OK\r\nContent-Length: 4");
  const pieces: string[] = [];
  expect(reader.take(Buffer.from("ab"), (piece) => pieces.push(String(piece)))).toBe(false);
  expect(reader.take(Buffer.from("cd"), (piece) => pieces.push(String(piece)))).toBe(true);
  expect(pieces).toEqual(["ab", "cd"]);
});

test("a chunk without a size is refused, with what stood there", () => {
  const reader = bodyReader(chunked);
  expect(() => reader.take(Buffer.from("zz\r\n"), () => {})).toThrow('its size is "zz');
});
