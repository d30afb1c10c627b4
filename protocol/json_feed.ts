/**
 * Validates one JSON object whose bytes arrive in pieces, cut anywhere, and holds none of them. Its
 * sibling json_scan.ts reads bytes that are all there, which is faster and finds members by position.
 */

import { JsonFault } from "./json_scan.ts";

export interface FeedOptions {
  /** The deepest nesting that is taken. */
  maxDepth?: number;
  /** Members of the outermost object whose values are to be reported. */
  watched?: ReadonlySet<string>;
  /** Called with each watched member's name and the positions of its value, once the value is complete. */
  onMember?: (name: string, start: number, end: number) => void;
}

const MAX_DEPTH = 1_024;

/** Longer names of the outermost object are checked but match none that is watched. */
const MAX_NAME_BYTES = 64;

/** What the next byte continues or begins. */
const enum State {
  Value,
  FirstItem,
  FirstName,
  Name,
  Colon,
  /** A comma or a closing bracket; behind the outermost object, only white space. */
  Separator,
  String,
  Escape,
  Hex,
  Word,
  Minus,
  Zero,
  Integer,
  Dot,
  Fraction,
  Exponent,
  ExponentSign,
  ExponentDigits,
  Broken,
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LETTER_U = 0x75;
const HEX_DIGITS = 4;

const decoder = new TextDecoder();

/** 1 for the bytes that stand for themselves inside a string. */
const plain = tableOf((byte) => byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH);
const digits = tableOf((byte) => byte >= ZERO && byte <= 0x39);
const spaces = tableOf((byte) => " \n\r\t".includes(String.fromCharCode(byte)));
const escapes = tableOf((byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)));
const hexDigits = tableOf((byte) => /[0-9a-f]/i.test(String.fromCharCode(byte)));

/** What is left of each literal behind its first byte. */
const words: ReadonlyMap<number, Uint8Array> = new Map(
  ["true", "false", "null"].map((word) => {
    const [first, ...rest] = new TextEncoder().encode(word);
    return [first!, Uint8Array.from(rest)];
  }),
);

export class JsonFeed {
  #state = State.Value;
  /** Bytes read before the current piece. */
  #before = 0;
  #depth = 0;
  /** By depth: 1 for an object, 0 for an array. */
  readonly #isObject: Uint8Array;
  readonly #maxDepth: number;
  readonly #watched: ReadonlySet<string>;
  readonly #onMember: NonNullable<FeedOptions["onMember"]>;
  /** Whether the string that is being read is a member's name. */
  #isName = false;
  #hexDigitsLeft = 0;
  #word: Uint8Array = new Uint8Array();
  #wordAt = 0;
  /** The outermost object's name that is being read, as JSON without its quotes. */
  #name: number[] = [];
  /** The watched member whose value is being read. */
  #member: string | null = null;
  #memberStart: number | null = null;
  #closingAt: number | null = null;

  constructor(
    { maxDepth = MAX_DEPTH, watched = new Set(), onMember = () => {} }: FeedOptions = {},
  ) {
    this.#isObject = new Uint8Array(maxDepth + 1);
    this.#maxDepth = maxDepth;
    this.#watched = watched;
    this.#onMember = onMember;
  }

  /** Where the outermost object's closing brace is, counted from the first byte of all; null: it has not come. */
  get closingAt(): number | null {
    return this.#closingAt;
  }

  /** Where the value of a watched member begins that is not complete yet; null: none is being read. */
  get openValueAt(): number | null {
    return this.#memberStart;
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return this.#before;
  }

  /**
   * Reads a further piece. Throws JsonFault, and must not be used afterwards, if the pieces cannot be
   * the beginning of one JSON object with white space around it.
   */
  feed(bytes: Uint8Array): void {
    const { length } = bytes;
    let state = this.#state;
    let at = 0;
    while (at < length) {
      if (state === State.String) {
        const start = at;
        while (at < length && plain[bytes[at]!] === 1) at++;
        if (this.#isName && this.#depth === 1) this.#addToName(bytes, start, at);
        if (at === length) break;
        if (bytes[at] === BACKSLASH) {
          state = State.Escape;
        } else if (bytes[at] === QUOTE) {
          state = this.#stringEnds(at);
        } else this.#refuse(at);
        at++;
        continue;
      }
      const byte = bytes[at]!;
      if (state >= State.Minus) {
        state = numberGoesOn(state, byte);
        if (state === State.Separator) this.#valueEnds(at);
        else if (state === State.Broken) this.#refuse(at);
        else {
          at++;
          while (at < length && isDigits(state) && digits[bytes[at]!] === 1) at++;
        }
        continue;
      }
      if (state <= State.Separator) {
        if (spaces[byte] === 1) at++;
        else state = this.#token(state, byte, at++);
        continue;
      }
      state = this.#insideToken(state, byte, at++);
    }
    this.#state = state;
    this.#before += length;
  }

  /** Reads the first byte of a token; returns the state behind it. */
  #token(state: State, byte: number, at: number): State {
    switch (state) {
      case State.Colon:
        if (byte !== COLON) this.#refuse(at);
        return State.Value;
      case State.Separator:
        return this.#separator(byte, at);
      case State.FirstName:
        return byte === CLOSE_BRACE ? this.#close(at) : this.#nameBegins(byte, at);
      case State.Name:
        return this.#nameBegins(byte, at);
      case State.FirstItem:
        return byte === CLOSE_BRACKET ? this.#close(at) : this.#valueBegins(byte, at);
      default:
        return this.#valueBegins(byte, at);
    }
  }

  #separator(byte: number, at: number): State {
    const isObject = this.#isObject[this.#depth] === 1;
    if (this.#depth === 0) this.#refuse(at);
    if (byte === COMMA) return isObject ? State.Name : State.Value;
    if (byte !== (isObject ? CLOSE_BRACE : CLOSE_BRACKET)) this.#refuse(at);
    return this.#close(at);
  }

  #nameBegins(byte: number, at: number): State {
    if (byte !== QUOTE) this.#refuse(at);
    this.#isName = true;
    this.#name.length = 0;
    return State.String;
  }

  #valueBegins(byte: number, at: number): State {
    if (this.#depth === 0 && byte !== OPEN_BRACE) {
      throw new JsonFault("not an object", this.#before + at);
    }
    if (this.#member !== null) this.#memberStart ??= this.#before + at;
    switch (byte) {
      case QUOTE:
        this.#isName = false;
        return State.String;
      case OPEN_BRACE:
        return this.#open(1, at);
      case OPEN_BRACKET:
        return this.#open(0, at);
      case MINUS:
        return State.Minus;
      case ZERO:
        return State.Zero;
    }
    if (digits[byte] === 1) return State.Integer;
    this.#word = words.get(byte) ?? this.#refuse(at);
    this.#wordAt = 0;
    return State.Word;
  }

  #open(isObject: 0 | 1, at: number): State {
    if (this.#depth === this.#maxDepth) throw new JsonFault("too deep", this.#before + at);
    this.#isObject[++this.#depth] = isObject;
    return isObject === 1 ? State.FirstName : State.FirstItem;
  }

  #close(at: number): State {
    if (--this.#depth === 0) this.#closingAt = this.#before + at;
    this.#valueEnds(at + 1);
    return State.Separator;
  }

  #stringEnds(at: number): State {
    if (!this.#isName) {
      this.#valueEnds(at + 1);
      return State.Separator;
    }
    if (this.#depth === 1) {
      const name = this.#name.length > MAX_NAME_BYTES ? "" : nameOf(this.#name);
      this.#member = this.#watched.has(name) ? name : null;
    }
    return State.Colon;
  }

  /** Called behind each value; a watched member's ends at the outermost object's own depth. */
  #valueEnds(at: number): void {
    if (this.#depth !== 1 || this.#member === null) return;
    this.#onMember(this.#member, this.#memberStart!, this.#before + at);
    this.#member = this.#memberStart = null;
  }

  #insideToken(state: State, byte: number, at: number): State {
    switch (state) {
      case State.Escape:
        this.#addEscape(BACKSLASH, byte);
        if (byte === LETTER_U) {
          this.#hexDigitsLeft = HEX_DIGITS;
          return State.Hex;
        }
        return escapes[byte] === 1 ? State.String : this.#refuse(at);
      case State.Hex:
        if (hexDigits[byte] !== 1) this.#refuse(at);
        this.#addEscape(byte);
        return --this.#hexDigitsLeft > 0 ? State.Hex : State.String;
      default:
        if (byte !== this.#word[this.#wordAt++]) this.#refuse(at);
        if (this.#wordAt < this.#word.length) return State.Word;
        this.#valueEnds(at + 1);
        return State.Separator;
    }
  }

  #addToName(bytes: Uint8Array, start: number, end: number): void {
    if (this.#watched.size === 0) return;
    for (let i = start; i < end && this.#name.length <= MAX_NAME_BYTES; i++) {
      this.#name.push(bytes[i]!);
    }
  }

  #addEscape(...bytes: number[]): void {
    if (this.#isName && this.#depth === 1 && this.#name.length <= MAX_NAME_BYTES) {
      this.#name.push(...bytes);
    }
  }

  #refuse(at: number): never {
    throw new JsonFault("invalid", this.#before + at);
  }
}

/** A state in which any number of digits may follow. */
function isDigits(state: State): boolean {
  return state === State.Integer || state === State.Fraction || state === State.ExponentDigits;
}

/** The state behind a number's next byte; `Separator`: the byte is behind the number; `Broken`: it cannot be there. */
function numberGoesOn(state: State, byte: number): State {
  const isDigit = digits[byte] === 1;
  switch (state) {
    case State.Minus:
      return isDigit ? (byte === ZERO ? State.Zero : State.Integer) : State.Broken;
    case State.Dot:
      return isDigit ? State.Fraction : State.Broken;
    case State.Exponent:
      if (byte === PLUS || byte === MINUS) return State.ExponentSign;
      return isDigit ? State.ExponentDigits : State.Broken;
    case State.ExponentSign:
      return isDigit ? State.ExponentDigits : State.Broken;
    case State.ExponentDigits:
      return isDigit ? state : State.Separator;
  }
  if (isDigit && state !== State.Zero) return state;
  if (byte === DOT && state !== State.Fraction) return State.Dot;
  return byte === 0x65 || byte === 0x45 ? State.Exponent : State.Separator;
}

function nameOf(bytes: readonly number[]): string {
  const text = decoder.decode(Uint8Array.from(bytes));
  return text.includes("\\") ? JSON.parse(`"${text}"`) as string : text;
}

function tableOf(holds: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(holds(byte)));
}
