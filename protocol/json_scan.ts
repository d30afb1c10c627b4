/**
 * Reads JSON as the bytes that came: whether it is valid, and where the outermost object's members lie.
 * No value is made of it, so a long prompt costs less than one parse and leaves nothing behind.
 */

export type JsonKind = "object" | "array" | "string" | "number" | "boolean" | "null";

/** Where a value lies in its bytes: `bytes.subarray(start, end)` is its JSON. */
export interface JsonSpan {
  kind: JsonKind;
  start: number;
  end: number;
}

/** Why bytes are no JSON object that can be taken. */
export class JsonFault extends Error {
  override readonly name = "JsonFault";
  constructor(
    readonly problem: "invalid" | "too deep" | "not an object" | "not UTF-8",
    readonly at: number,
  ) {
    super(`${problem} at byte ${at}`);
  }
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const UNICODE_ESCAPE_BYTES = 6;

/** 1 for bytes that stand for themselves inside a string. One look-up a byte is what makes the scan cheap. */
const plain = Uint8Array.from(
  { length: 256 },
  (_, byte) => Number(byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH),
);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const escapes = bytesOf(`"\\/bfnrt`);
const hexDigits = bytesOf("0123456789abcdefABCDEF");
const exponents = bytesOf("eE");

/** By first byte. */
const words: ReadonlyMap<number | undefined, readonly [kind: JsonKind, bytes: Uint8Array]> =
  new Map((["true", "false", "null"] as const).map((word) => {
    const bytes = encoder.encode(word);
    return [bytes[0]!, [word === "null" ? "null" : "boolean", bytes]] as const;
  }));

/**
 * The members of the one object that the bytes (UTF-8, which is not checked) must be; of those with
 * the same name the last, as `JSON.parse` has it. Accepts what `JSON.parse` accepts, no deeper than
 * `maxDepth`. Throws JsonFault.
 */
export function scanObject(bytes: Uint8Array, maxDepth: number): Map<string, JsonSpan> {
  const members = new Map<string, JsonSpan>();
  const start = skipSpace(bytes, 0);
  const end = bytes[start] === OPEN_BRACE
    ? skipObject(bytes, start, maxDepth, members)
    : skipValue(bytes, start, maxDepth);
  const rest = skipSpace(bytes, end);
  if (rest < bytes.length) throw new JsonFault("invalid", rest);
  if (bytes[start] !== OPEN_BRACE) throw new JsonFault("not an object", start);
  return members;
}

/** Whether the value is a list without items. */
export function isEmptyArray(bytes: Uint8Array, { start, end }: JsonSpan): boolean {
  return bytes[start] === OPEN_BRACKET && skipSpace(bytes, start + 1) === end - 1;
}

/** Each `skip…` begins at its value's first byte and returns the index just behind its last one. */
function skipValue(bytes: Uint8Array, at: number, depthLeft: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return skipString(bytes, at);
    case OPEN_BRACE:
      return skipObject(bytes, at, depthLeft, null);
    case OPEN_BRACKET:
      return skipArray(bytes, at, depthLeft);
    default:
      return words.has(bytes[at]) ? skipWord(bytes, at) : skipNumber(bytes, at);
  }
}

function skipObject(
  bytes: Uint8Array,
  open: number,
  depthLeft: number,
  members: Map<string, JsonSpan> | null,
): number {
  if (depthLeft === 0) throw new JsonFault("too deep", open);
  let at = skipSpace(bytes, open + 1);
  if (bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    const keyStart = expect(bytes, at, QUOTE);
    const keyEnd = skipString(bytes, keyStart);
    const colon = expect(bytes, skipSpace(bytes, keyEnd), COLON);
    const start = skipSpace(bytes, colon + 1);
    const end = skipValue(bytes, start, depthLeft - 1);
    members?.set(textOf(bytes, keyStart, keyEnd), { kind: kindOf(bytes[start]), start, end });
    at = skipSpace(bytes, end);
    if (bytes[at] === CLOSE_BRACE) return at + 1;
    at = skipSpace(bytes, expect(bytes, at, COMMA) + 1);
  }
}

function skipArray(bytes: Uint8Array, open: number, depthLeft: number): number {
  if (depthLeft === 0) throw new JsonFault("too deep", open);
  let at = skipSpace(bytes, open + 1);
  if (bytes[at] === CLOSE_BRACKET) return at + 1;
  for (;;) {
    at = skipSpace(bytes, skipValue(bytes, at, depthLeft - 1));
    if (bytes[at] === CLOSE_BRACKET) return at + 1;
    at = skipSpace(bytes, expect(bytes, at, COMMA) + 1);
  }
}

function skipString(bytes: Uint8Array, open: number): number {
  let at = open + 1;
  for (;;) {
    while (plain[bytes[at]!] === 1) at++;
    if (bytes[at] === QUOTE) return at + 1;
    at = skipEscape(bytes, expect(bytes, at, BACKSLASH));
  }
}

function skipEscape(bytes: Uint8Array, at: number): number {
  if (escapes.has(bytes[at + 1])) return at + 2;
  expect(bytes, at + 1, 0x75);
  for (let i = at + 2; i < at + UNICODE_ESCAPE_BYTES; i++) {
    if (!hexDigits.has(bytes[i])) throw new JsonFault("invalid", i);
  }
  return at + UNICODE_ESCAPE_BYTES;
}

function skipWord(bytes: Uint8Array, at: number): number {
  const [, word] = words.get(bytes[at])!;
  word.forEach((byte, i) => expect(bytes, at + i, byte));
  return at + word.length;
}

function skipNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  at = bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at);
  if (bytes[at] === DOT) at = skipDigits(bytes, at + 1);
  if (!exponents.has(bytes[at])) return at;
  at++;
  return skipDigits(bytes, bytes[at] === PLUS || bytes[at] === MINUS ? at + 1 : at);
}

/** One digit at least. */
function skipDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  if (at === start) throw new JsonFault("invalid", at);
  return at;
}

function skipSpace(bytes: Uint8Array, at: number): number {
  for (;; at++) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
  }
}

function expect(bytes: Uint8Array, at: number, byte: number): number {
  if (bytes[at] !== byte) throw new JsonFault("invalid", at);
  return at;
}

function kindOf(first: number | undefined): JsonKind {
  switch (first) {
    case QUOTE:
      return "string";
    case OPEN_BRACE:
      return "object";
    case OPEN_BRACKET:
      return "array";
    default:
      return words.get(first)?.[0] ?? "number";
  }
}

function bytesOf(characters: string): ReadonlySet<number | undefined> {
  return new Set(encoder.encode(characters));
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return JSON.parse(decoder.decode(bytes.subarray(start, end)));
}
