/**
 * Validates JSON as bytes and finds the members of the outermost object. No value is built, so a long
 * prompt costs less than one `JSON.parse` and leaves no garbage.
 */

export type JsonKind = "object" | "array" | "string" | "number" | "boolean" | "null";

/** The position of a value: `bytes.subarray(start, end)` is its JSON. */
export interface JsonSpan {
  kind: JsonKind;
  start: number;
  end: number;
}

/** Why bytes are not an acceptable JSON object. */
export class JsonFault extends Error {
  override readonly name = "JsonFault";
  constructor(
    readonly problem: "invalid" | "too deep" | "too many members" | "not an object" | "not UTF-8",
    readonly at: number,
  ) {
    super(`${problem} at byte ${at}`);
  }
}

export interface ScanLimits {
  maxDepth: number;
  /** Of the outermost object, repeated ones included. */
  maxMembers: number;
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

/** Members with longer names are checked but not kept: no member that the gateway reads has so long a name. */
const MAX_NAME_BYTES = 256;

/** 1 for bytes that stand for themselves inside a string. One look-up per byte keeps the scan cheap. */
const plain = Uint8Array.from(
  { length: 256 },
  (_, byte) => Number(byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH),
);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const spaces = tableOf(" \n\r\t");
const escapes = tableOf(`"\\/bfnrt`);
const hexDigits = tableOf("0123456789abcdefABCDEF");
const exponents = tableOf("eE");

/** The literals, by first byte. */
const words: readonly (Uint8Array | undefined)[] = ["true", "false", "null"].reduce<Uint8Array[]>(
  (table, word) => {
    const bytes = encoder.encode(word);
    table[bytes[0]!] = bytes;
    return table;
  },
  [],
);

/**
 * The members of the one object that the bytes must contain. The bytes are taken for UTF-8, which is
 * not checked. Of members with the same name the last one counts, as in `JSON.parse`. Accepts what
 * `JSON.parse` accepts, within the limits. Throws JsonFault.
 */
export function scanObject(bytes: Uint8Array, limits: ScanLimits): Map<string, JsonSpan> {
  const scan = new ObjectScan(bytes, limits);
  scan.step(Infinity);
  return scan.members;
}

/** Whether the value is an array without items. */
export function isEmptyArray(bytes: Uint8Array, { start, end }: JsonSpan): boolean {
  return bytes[start] === OPEN_BRACKET && skipSpace(bytes, start + 1) === end - 1;
}

/** What the scan expects next. */
const enum Expected {
  Value,
  FirstItem,
  FirstName,
  Name,
  Colon,
  /** A comma or the end of an array or object; after the outermost value, nothing. */
  Separator,
  /** The rest of a string. */
  StringRest,
}

/** A scan in steps, so that a long body does not block the event loop. */
export class ObjectScan {
  readonly members = new Map<string, JsonSpan>();
  #expected = Expected.Value;
  #at = 0;
  /** By depth: 1 for an object, 0 for an array. */
  readonly #isObject: Uint8Array;
  #depth = 0;
  /** Whether the string that is being read is a member's name. */
  #isName = false;
  #memberCount = 0;
  /** Positions in the outermost object's current member. The name includes its quotes. */
  #nameStart = 0;
  #nameEnd = 0;
  #valueStart = 0;

  constructor(private readonly bytes: Uint8Array, private readonly limits: ScanLimits) {
    this.#isObject = new Uint8Array(limits.maxDepth + 1);
  }

  /**
   * Reads about `byteCount` further bytes; a literal, a number or a run of plain text is not split.
   * Returns true when everything was read. Throws JsonFault. The state is kept in local variables,
   * because fields would double the time.
   */
  step(byteCount: number): boolean {
    const { bytes } = this;
    const { maxDepth } = this.limits;
    const isObject = this.#isObject;
    const stop = this.#at + byteCount;
    let at = this.#at;
    let depth = this.#depth;
    let expected = this.#expected;
    let isName = this.#isName;
    while (at < stop) {
      if (expected === Expected.StringRest) {
        while (plain[bytes[at]!] === 1) at++;
        if (bytes[at] !== QUOTE) {
          at = skipEscape(bytes, expect(bytes, at, BACKSLASH));
          continue;
        }
        at++;
        expected = isName ? Expected.Colon : Expected.Separator;
        if (depth === 1) this.#outermostStringEnds(at, isName);
        continue;
      }
      const byte = bytes[at]!;
      if (spaces[byte] === 1) {
        at++;
        continue;
      }
      if (expected === Expected.Separator) {
        if (depth === 0) return this.#finish(at);
        if (byte === COMMA) {
          expected = isObject[depth] === 1 ? Expected.Name : Expected.Value;
          at++;
          continue;
        }
        expect(bytes, at, isObject[depth] === 1 ? CLOSE_BRACE : CLOSE_BRACKET);
      } else if (expected === Expected.Colon) {
        at = expect(bytes, at, COLON) + 1;
        expected = Expected.Value;
        continue;
      } else if (
        expected === Expected.Name || (expected === Expected.FirstName && byte !== CLOSE_BRACE)
      ) {
        expect(bytes, at, QUOTE);
        if (depth === 1) this.#outermostNameBegins(at);
        isName = true;
        expected = Expected.StringRest;
        at++;
        continue;
      } else if (
        expected === Expected.Value || (expected === Expected.FirstItem && byte !== CLOSE_BRACKET)
      ) {
        if (depth === 1) this.#valueStart = at;
        if (byte === QUOTE) {
          isName = false;
          expected = Expected.StringRest;
          at++;
          continue;
        }
        if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
          if (depth === maxDepth) throw new JsonFault("too deep", at);
          isObject[++depth] = Number(byte === OPEN_BRACE);
          expected = byte === OPEN_BRACE ? Expected.FirstName : Expected.FirstItem;
          at++;
          continue;
        }
        at = skipScalar(bytes, at);
        expected = Expected.Separator;
        if (depth === 1) this.#outermostValueEnds(at);
        continue;
      }
      // A closing bracket.
      at++;
      depth--;
      expected = Expected.Separator;
      if (depth === 1) this.#outermostValueEnds(at);
    }
    this.#at = at;
    this.#depth = depth;
    this.#expected = expected;
    this.#isName = isName;
    return false;
  }

  #outermostNameBegins(at: number): void {
    this.#memberCount++;
    if (this.#memberCount > this.limits.maxMembers) throw new JsonFault("too many members", at);
    this.#nameStart = at;
  }

  #outermostStringEnds(end: number, isName: boolean): void {
    if (isName) this.#nameEnd = end;
    else this.#outermostValueEnds(end);
  }

  /** Also called for the items of an outermost array, which are not members. */
  #outermostValueEnds(end: number): void {
    const nameStart = this.#nameStart;
    const nameEnd = this.#nameEnd;
    const start = this.#valueStart;
    if (this.#isObject[1] === 0 || nameEnd - nameStart > MAX_NAME_BYTES) return;
    const name = JSON.parse(decoder.decode(this.bytes.subarray(nameStart, nameEnd))) as string;
    this.members.set(name, { kind: kindOf(this.bytes[start]), start, end });
  }

  #finish(at: number): true {
    if (at < this.bytes.length) throw new JsonFault("invalid", at);
    if (this.#isObject[1] === 1) return true;
    throw new JsonFault("not an object", skipSpace(this.bytes, 0));
  }
}

/** Each `skip…` starts at the first byte of a value and returns the index after its last byte. */
function skipEscape(bytes: Uint8Array, at: number): number {
  if (escapes[bytes[at + 1]!] === 1) return at + 2;
  expect(bytes, at + 1, 0x75);
  for (let i = at + 2; i < at + UNICODE_ESCAPE_BYTES; i++) {
    if (hexDigits[bytes[i]!] !== 1) throw new JsonFault("invalid", i);
  }
  return at + UNICODE_ESCAPE_BYTES;
}

function skipScalar(bytes: Uint8Array, at: number): number {
  const word = words[bytes[at]!];
  return word === undefined ? skipNumber(bytes, at) : skipWord(bytes, at, word);
}

function skipWord(bytes: Uint8Array, at: number, word: Uint8Array): number {
  for (let i = 1; i < word.length; i++) expect(bytes, at + i, word[i]!);
  return at + word.length;
}

function skipNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  at = bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at);
  if (bytes[at] === DOT) at = skipDigits(bytes, at + 1);
  if (exponents[bytes[at]!] !== 1) return at;
  at++;
  return skipDigits(bytes, bytes[at] === PLUS || bytes[at] === MINUS ? at + 1 : at);
}

/** At least one digit. */
function skipDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  if (at === start) throw new JsonFault("invalid", at);
  return at;
}

function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (spaces[bytes[at]!] === 1) at++;
  return at;
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
    case 0x6e:
      return "null";
    default:
      return first === 0x74 || first === 0x66 ? "boolean" : "number";
  }
}

/** 1 for each of the characters, by byte. */
function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of encoder.encode(characters)) table[byte] = 1;
  return table;
}
