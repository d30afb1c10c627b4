import { describe, expect, test } from "bun:test";
import { MalformedResponse, type ResponseHead, ResponseParser } from "./response_parser.ts";

interface Parsed {
  head?: ResponseHead;
  body: string;
  hasEnded: boolean;
  /** Whether bytes came that are not the response's. */
  hasMore: boolean;
}

/** Parses the text in pieces of so many bytes. */
function parse(text: string, pieceBytes = text.length, { closes = false } = {}): Parsed {
  const parsed: Parsed = { body: "", hasEnded: false, hasMore: false };
  const parser = new ResponseParser({
    head: (head) => parsed.head = head,
    body: (bytes) => parsed.body += Buffer.from(bytes).toString("latin1"),
    end: () => parsed.hasEnded = true,
  });
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // The parser owns what it is fed.
    if (!parser.feed(Buffer.from(bytes.subarray(at, at + pieceBytes)))) parsed.hasMore = true;
  }
  if (closes) parser.feedEnd();
  expect(parser.hasEnded).toBe(parsed.hasEnded);
  return parsed;
}

const OK = "HTTP/1.1 200 OK\r\n";

const whole: [what: string, text: string, body: string][] = [
  ["a length", `${OK}Content-Length: 5\r\n\r\nhello`, "hello"],
  ["no body", `${OK}Content-Length: 0\r\n\r\n`, ""],
  ["the same length twice", `${OK}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, "hello"],
  [
    "chunks",
    `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n \r\n0A\r\n0123456789\r\n0\r\n\r\n`,
    "hello 0123456789",
  ],
  [
    "chunks with extensions and trailers",
    `${OK}Transfer-Encoding: chunked\r\n\r\n3 ;a=b\r\nabc\r\n0;last\r\nX-Sum: 1\r\nY: 2\r\n\r\n`,
    "abc",
  ],
  [
    "an interim response before it",
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    "ok",
  ],
  ["lines that end with LF alone", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok"],
  ["no reason phrase", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok"],
  ["a status that has no body", "HTTP/1.1 204 No Content\r\n\r\n", ""],
];

describe("a response is whole", () => {
  for (const [what, text, body] of whole) {
    test(`with ${what}, in any pieces`, () => {
      for (const pieceBytes of [text.length, 1, 2, 3, 7]) {
        expect(parse(text, pieceBytes)).toMatchObject({ body, hasEnded: true, hasMore: false });
      }
    });
  }

  test("with the end of the connection, where it names no length", () => {
    for (const text of [`${OK}\r\nhello`, `HTTP/1.0 200 OK\r\n\r\nhello`]) {
      expect(parse(text)).toMatchObject({ body: "hello", hasEnded: false });
      expect(parse(text, 1, { closes: true })).toMatchObject({ body: "hello", hasEnded: true });
    }
  });
});

test("a response that names a length is not whole before it, whatever ends the connection", () => {
  for (const framing of ["Content-Length: 9", "Transfer-Encoding: chunked"]) {
    const text = `${OK}${framing}\r\n\r\n5\r\nhe`;
    expect(parse(text, 4, { closes: true }).hasEnded).toBe(false);
  }
});

test("bytes after the response are reported, for they answer no request", () => {
  for (const [, text] of whole) expect(parse(`${text}HTTP`)).toMatchObject({ hasMore: true });
});

test("headers are found by any case, and lines of one name are joined", () => {
  const { head } = parse(`${OK}X-A:  1 \r\nx-a:2\r\nContent-Length: 0\r\n\r\n`);
  expect(head!.headers.get("X-a")).toBe("1, 2");
  expect(head!.headers.has("x-b")).toBe(false);
  expect(head!.headers.get("x-b")).toBeNull();
  expect([...head!.headers]).toEqual([["x-a", "1, 2"], ["content-length", "0"]]);
});

test("a header's value ends with its last byte that is no blank", () => {
  const { head } = parse(`${OK}Content-Length: 0\r\nX-A:\t\xc3\xa0 \r\nX-B: \xc3\xa0\r\n\r\n`);
  expect([head!.headers.get("x-a"), head!.headers.get("x-b")]).toEqual(["\xc3\xa0", "\xc3\xa0"]);
});

const kept: [text: string, keepsAlive: boolean][] = [
  [`${OK}Content-Length: 0\r\n\r\n`, true],
  [`${OK}Content-Length: 0\r\nConnection: Close\r\n\r\n`, false],
  [`${OK}\r\n`, false],
  ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false],
  ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true],
  ["HTTP/1.1 204 No Content\r\n\r\n", true],
  ["HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", false],
  ["HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", false],
  // Two lengths: another reader on the way may have chosen the other one.
  [`${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, false],
];
for (const [text, keepsAlive] of kept) {
  test(`${JSON.stringify(text)} ${keepsAlive ? "keeps" : "does not keep"} its connection`, () => {
    expect(parse(text).head!.keepsAlive).toBe(keepsAlive);
  });
}

test("a body in chunks has no length, whatever a header says of it", () => {
  const framing = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n";
  const { head, body } = parse(`${OK}${framing}\r\n5\r\nhello\r\n0\r\n\r\n`);
  expect([body, head!.headers.get("content-length")]).toEqual(["hello", null]);
});

const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const malformed: [what: string, text: string][] = [
  ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n"],
  ["another version", "HTTP/2 200\r\n\r\n"],
  ["no status", "HTTP/1.1 OK\r\n\r\n"],
  ["a change of protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ["a header without a colon", `${OK}nonsense\r\n\r\n`],
  ["a header that is continued on the next line", `${OK}a: b\r\n c\r\n\r\n`],
  ["a space before a header's colon", `${OK}Content-Length : 3\r\n\r\n`],
  ["a control character in a header", `${OK}a: \x00\r\n\r\n`],
  ["a negative length", `${OK}Content-Length: -1\r\n\r\n`],
  ["two lengths", `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`],
  ["a coding that is not known", `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`],
  ["a chunk without a size", `${CHUNKED}\r\n`],
  ["a chunk's size that is no number", `${CHUNKED}5x\r\n`],
  ["a chunk's size with a sign", `${CHUNKED}+5\r\n`],
  ["a chunk's size that no number holds", `${CHUNKED}${"f".repeat(13)}\r\n`],
  ["a chunk that is longer than its size", `${CHUNKED}1\r\nab`],
  ["a head without end", `${OK}${"a: b\r\n".repeat(20_000)}`],
  ["an extension without end", `${CHUNKED}1;${"x".repeat(70_000)}`],
  ["trailers without end", `${CHUNKED}0\r\n${"a: b\r\n".repeat(20_000)}`],
];
describe("a response is refused for", () => {
  for (const [what, text] of malformed) {
    test(what, () => {
      expect(() => parse(text)).toThrow(MalformedResponse);
      expect(() => parse(text, 1000)).toThrow(MalformedResponse);
    });
  }
});

test("chunks of one read are one piece", () => {
  const pieces: string[] = [];
  const parser = new ResponseParser({
    head: () => {},
    body: (bytes) => pieces.push(Buffer.from(bytes).toString()),
    end: () => pieces.push("end"),
  });
  parser.feed(Buffer.from(`${CHUNKED}1\r\na\r\n2\r\nbc\r\n3\r\nd`));
  parser.feed(Buffer.from("ef\r\n1\r\ng\r\n0\r\n\r\n"));
  expect(pieces).toEqual(["abcd", "efg", "end"]);
});

test("a small part of a large read does not hold all of it", () => {
  const pieces: Uint8Array[] = [];
  const parser = new ResponseParser({
    head: () => {},
    body: (bytes) => pieces.push(bytes),
    end: () => {},
  });
  parser.feed(Buffer.from(CHUNKED));
  parser.feed(Buffer.from(`1;${"x".repeat(60_000)}\r\na\r\n`));
  expect(pieces.map(({ buffer }) => buffer.byteLength)).toEqual([1]);
});

// A head that took minutes, or seconds, would show as a time-out.
describe("a head of the greatest length is read at once", () => {
  test("with nothing but blanks in a header", () => {
    const blanks = " ".repeat(60_000);
    expect(() => parse(`${OK}a:${blanks}\x01\r\n\r\n`)).toThrow(MalformedResponse);
    const { head } = parse(`${OK}a:${blanks}b \t c${blanks.slice(0, 5_000)}\r\n\r\n`);
    expect(head!.headers.get("a")).toBe("b \t c");
  });

  test("in pieces of one byte", () => {
    const text = `${OK}${"a:\n".repeat(20_000)}Content-Length: 2\n\nok`;
    const { head, body, hasEnded } = parse(text, 1);
    expect([head!.status, body, hasEnded]).toEqual([200, "ok", true]);
  });
});
