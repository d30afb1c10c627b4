/**
 * Parts of a JSON text that are kept as text while the rest is parsed. Tool arguments and schemas
 * pass through a translation this way with their number formats and key order.
 */

import { z } from "zod";
import { arrayItems, lastMember, objectMembers } from "../../protocol/mod.ts";
import { isObject } from "./json_object.ts";

/** A JSON value as its text. Serialise values that contain one with `toJsonText`. */
export class RawJson {
  constructor(readonly text: string) {}

  parse(): unknown {
    return JSON.parse(this.text);
  }

  /** Parses the text; numbers that JavaScript cannot represent stay RawJson. */
  parseExact(): unknown {
    return parseExact(this.text);
  }

  toJSON(): string {
    return `${MARK}${collected.push(this.text) - 1}`;
  }
}

/** The shape of a kept object. */
export const rawObject = z.custom<RawJson>(
  (value) => value instanceof RawJson && value.text.startsWith("{"),
  { error: "Invalid input: expected an object" },
);

/** Member names from the root; `*` stands for every item of an array. */
export type Path = readonly string[];

/** Parses JSON, but keeps the objects and arrays at `paths` as RawJson. Throws like `JSON.parse`. */
export function parseKeeping(text: string, paths: readonly Path[]): unknown {
  const value: unknown = JSON.parse(text);
  const span = { start: text.search(/\S/), end: text.length };
  return paths.reduce((kept, path) => keep(text, span, kept, path), value);
}

/** Parses JSON; numbers that JavaScript cannot represent become RawJson. `parsed`: the text parsed as usual, if it is. */
export function parseExact(text: string, parsed?: unknown): unknown {
  return LONG_NUMBER.test(text) ? JSON.parse(text, exactNumber) : parsed ?? JSON.parse(text);
}

const LONG_NUMBER = /\d{16}/;

function exactNumber(_: string, value: unknown, { source }: { source?: string } = {}): unknown {
  return typeof value === "number" && source !== undefined && LONG_NUMBER.test(source)
    ? new RawJson(source)
    : value;
}

/** Serialises a value; each RawJson in it becomes its own text. */
export function toJsonText(value: unknown): string {
  collected.length = 0;
  const text = JSON.stringify(value);
  return collected.length === 0
    ? text
    : text.replaceAll(MARKED, (_, index) => collected[Number(index)]!);
}

/** The texts met by the running `toJsonText`. */
const collected: string[] = [];
/** Unguessable, so that no caller's text contains it. */
const MARK = `raw-${crypto.randomUUID()}-`;
const MARKED = new RegExp(`"${MARK}(\\d+)"`, "g");

interface Span {
  start: number;
  end: number;
}

function keep(text: string, { start, end }: Span, value: unknown, path: Path): unknown {
  const [step, ...rest] = path;
  if (typeof value !== "object" || value === null || value instanceof RawJson) return value;
  if (step === undefined) return new RawJson(text.slice(start, end));
  if (step === "*") {
    if (!Array.isArray(value)) return value;
    const spans = arrayItems(text, start);
    return value.map((item, i) => keep(text, spans[i]!, item, rest));
  }
  if (!isObject(value) || !Object.hasOwn(value, step)) return value;
  const member = lastMember(objectMembers(text, start), step)!;
  value[step] = keep(text, member, value[step], rest);
  return value;
}
