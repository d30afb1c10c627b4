/**
 * Finds and changes members in JSON text without parsing and writing all of it, so that the rest of a
 * body stays as it came: number formats, key order, duplicate keys and unknown fields.
 */

/** The position of an object's member: `text.slice(start, end)` is its value. */
export interface MemberSpan {
  key: string;
  /** Index of the key's opening quote. */
  keyStart: number;
  /** Index of the value's first character. */
  start: number;
  /** Index after the value's last character. */
  end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;

/** What reading a text may cost. */
export interface StructureLimits {
  maxDepth: number;
  /**
   * Steps that a scan takes: characters outside strings, and inside them quotes, with the backslashes
   * before them. Prose takes hardly any, a list of numbers one a character. Absent: any number.
   */
  maxSteps?: number;
  /**
   * What makes values, however long they are: strings, opening brackets and commas, and steps inside
   * strings. Absent: any number.
   */
  maxValues?: number;
}

/**
 * Why the text should not be parsed; null: it may be. Looks at brackets outside strings, so it is safe
 * for text that is not valid JSON, and far cheaper than parsing.
 */
export function structureProblem(
  text: string,
  { maxDepth, maxSteps = Infinity, maxValues = Infinity }: StructureLimits,
): string | null {
  let depth = 0;
  let steps = 0;
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    if (++steps > maxSteps || values > maxValues) return TOO_MANY_VALUES;
    switch (text.charCodeAt(i)) {
      case QUOTE:
        values++;
        i = text.indexOf('"', i + 1);
        for (let escapes; i !== -1 && (escapes = backslashesBefore(text, i)) > 0;) {
          steps += escapes;
          values += escapes;
          if (steps > maxSteps || values > maxValues) return TOO_MANY_VALUES;
          if (escapes % 2 === 0) break;
          i = text.indexOf('"', i + 1);
        }
        if (i === -1) return null;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        values++;
        if (++depth > maxDepth) return "nested too deeply";
        break;
      case COMMA:
        values++;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--;
    }
  }
  return values > maxValues ? TOO_MANY_VALUES : null;
}

const TOO_MANY_VALUES = "too many values";

/**
 * The members of the object that begins at `from`, in their order, with duplicates. The text must be
 * valid JSON (parse it first). Returns an empty list if no object begins there.
 */
export function objectMembers(text: string, from = 0): MemberSpan[] {
  const members: MemberSpan[] = [];
  readMembers(text, from, members);
  return members;
}

/** The last member `inner` of the text's last member `outer`, which is an object. Looks at each character once. */
export function memberWithin(text: string, outer: string, inner: string): MemberSpan | undefined {
  const members: MemberSpan[] = [];
  readMembers(text, 0, [], { key: outer, members });
  return lastMember(members, inner);
}

/**
 * Adds the object's members, and those of its last member `nested.key`, which is an object. Returns
 * the index after the object, in valid JSON.
 */
function readMembers(
  text: string,
  from: number,
  members: MemberSpan[],
  nested?: { key: string; members: MemberSpan[] },
): number {
  let i = skipSpace(text, from);
  if (text.charCodeAt(i) !== OPEN_BRACE) return i;
  i = skipSpace(text, i + 1);
  while (i < text.length && text.charCodeAt(i) === QUOTE) {
    const keyStart = i;
    const keyEnd = skipString(text, i);
    const colon = skipSpace(text, keyEnd);
    if (text.charCodeAt(colon) !== COLON) break;
    const start = skipSpace(text, colon + 1);
    const key = keyAt(text, keyStart, keyEnd);
    let end;
    if (key === nested?.key && text.charCodeAt(start) === OPEN_BRACE) {
      nested.members.length = 0;
      end = readMembers(text, start, nested.members);
    } else end = skipValue(text, start);
    members.push({ key, keyStart, start, end });
    i = skipSpace(text, end);
    if (text.charCodeAt(i) !== COMMA) break;
    i = skipSpace(text, i + 1);
  }
  return i + 1;
}

/**
 * The positions of the items of the array that begins at `from`. The text must be valid JSON. Returns
 * an empty list if no array begins there.
 */
export function arrayItems(text: string, from: number): { start: number; end: number }[] {
  const items: { start: number; end: number }[] = [];
  if (text.charCodeAt(from) !== OPEN_BRACKET) return items;
  let start = skipSpace(text, from + 1);
  while (start < text.length && text.charCodeAt(start) !== CLOSE_BRACKET) {
    const end = skipValue(text, start);
    items.push({ start, end });
    const comma = skipSpace(text, end);
    if (text.charCodeAt(comma) !== COMMA) break;
    start = skipSpace(text, comma + 1);
  }
  return items;
}

/** The member that `JSON.parse` would keep: the last one with that name. */
export function lastMember(members: readonly MemberSpan[], key: string): MemberSpan | undefined {
  return members.findLast((member) => member.key === key);
}

/**
 * The object's text with one member set to `json`. Every occurrence of an existing member is replaced
 * in place; a missing one is inserted at the front. All other characters stay as they are.
 */
export function withMember(text: string, key: string, json: string): string {
  const spans = objectMembers(text).filter((member) => member.key === key);
  if (spans.length === 0) return prependMember(text, key, json);
  let out = "";
  let from = 0;
  for (const { start, end } of spans) {
    out += text.slice(from, start) + json;
    from = end;
  }
  return out + text.slice(from);
}

/** The object's text without one member, wherever it occurs, and its comma. One pass: a text may repeat the member thousands of times. */
export function withoutMember(text: string, key: string): string {
  const members = objectMembers(text);
  const kept = members.filter((member) => member.key !== key);
  if (kept.length === members.length) return text;
  let out = text.slice(0, members[0]!.keyStart);
  members.forEach((member, at) => {
    if (member.key === key) return;
    const { keyStart, end } = member;
    // A kept member takes along the comma after it, unless it becomes the last.
    const next = member === kept.at(-1) ? undefined : members[at + 1];
    out += text.slice(keyStart, next === undefined ? end : next.keyStart);
  });
  return out + text.slice(members.at(-1)!.end);
}

function prependMember(text: string, key: string, json: string): string {
  const open = text.indexOf("{");
  const rest = text.slice(open + 1);
  const comma = text.charCodeAt(skipSpace(text, open + 1)) === CLOSE_BRACE ? "" : ",";
  return `${text.slice(0, open + 1)}${JSON.stringify(key)}:${json}${comma}${rest}`;
}

function skipSpace(text: string, i: number): number {
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
  }
  return i;
}

function keyAt(text: string, start: number, end: number): string {
  const key = text.slice(start + 1, end - 1);
  return key.includes("\\") ? JSON.parse(text.slice(start, end)) : key;
}

/** Returns the index after the closing quote. `indexOf` makes long strings cheap. */
function skipString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (close !== -1) {
    if (backslashesBefore(text, close) % 2 === 0) return close + 1;
    close = text.indexOf('"', close + 1);
  }
  return text.length;
}

function backslashesBefore(text: string, quote: number): number {
  let count = 0;
  while (text.charCodeAt(quote - 1 - count) === BACKSLASH) count++;
  return count;
}

function skipValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return skipString(text, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(text, start);
  let i = start;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === COMMA || c === CLOSE_BRACE || c === CLOSE_BRACKET || c <= 0x20) break;
  }
  return i;
}

function skipNested(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = skipString(text, i) - 1;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (--depth === 0) return i + 1;
    }
  }
  return text.length;
}
