/** What a setting's text may be: each kind makes the value of it, or says what it expected. */

import { isIP } from "node:net";

/** One setting's text → its value. Throws Unexpected. */
export type Reader<T> = (text: string) => T;

/** The text is no value of this kind; the message says what would be. */
export class Unexpected extends Error {
  override readonly name = "Unexpected";
}

export function number(min: number, max: number): Reader<number> {
  return (text) => {
    const value = Number(text);
    const isInRange = /^\d+(\.\d+)?$/.test(text) && value >= min && value <= max;
    return isInRange ? value : unexpected(`expected a number from ${min} to ${max}`);
  };
}

export function whole(min: number, max: number): Reader<number> {
  const read = number(min, max);
  return (text) => {
    const value = read(text);
    return Number.isInteger(value) ? value : unexpected("expected a whole number");
  };
}

/** A number times what one of its units is in ours. */
export function times(unit: number, read: Reader<number>): Reader<number> {
  return (text) => read(text) * unit;
}

/** In milliseconds. */
export function seconds(min: number, max: number): Reader<number> {
  return times(1000, number(min, max));
}

/** In milliseconds. */
export function days(min: number, max: number): Reader<number> {
  return times(86_400_000, number(min, max));
}

export function choice<const T extends string>(...names: readonly T[]): Reader<T> {
  return (text) =>
    names.find((name) => name === text) ?? unexpected(`expected one of ${names.join(", ")}`);
}

/** Null for the empty text. Drivers quote what they cannot read, password and all: so nothing that they cannot reaches them. */
export function url(...schemes: string[]): Reader<string | null> {
  const wanted = schemes.map((scheme) => `${scheme}://…`).join(" or ");
  return (text) => {
    if (text === "") return null;
    return isUrl(text, schemes)
      ? text
      : unexpected(`expected ${wanted}, special characters in it percent-encoded`);
  };
}

function isUrl(text: string, schemes: readonly string[]): boolean {
  // PostgreSQL's may name several hosts, of which URL knows nothing.
  const withOneHost = text.replace(/^([\w-]+:\/\/(?:[^/?]*@)?[^/?,]*),[^/?]*/, "$1");
  try {
    decodeURIComponent(new URL(withOneHost).href);
    return schemes.some((scheme) => text.startsWith(`${scheme}://`));
  } catch {
    return false;
  }
}

export function cidrs(text: string): string[] {
  const list = parts(text);
  return list.every(isCidr)
    ? list
    : unexpected("expected addresses or CIDRs such as 10.0.0.0/8, separated by commas");
}

/** By IP version. */
const WIDEST_MASK_BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 };

function isCidr(text: string): boolean {
  const [, address = "", bits = "0"] = /^([^/]*)(?:\/(\d+))?$/.exec(text) ?? [];
  return Number(bits) <= (WIDEST_MASK_BITS[isIP(address)] ?? -1);
}

/** `model=name, model=name`, each model once. */
export function byModel<const T extends string>(...names: readonly T[]): Reader<Map<string, T>> {
  return (text) => {
    const chosen = new Map<string, T>();
    for (const pair of parts(text)) {
      const at = pair.lastIndexOf("=");
      const [model, name] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
      const known = names.find((one) => one === name);
      if (at < 0 || model === "" || known === undefined || chosen.has(model)) {
        return unexpected(
          `expected each model once, as model=policy, separated by commas; policies are ${
            names.join(", ")
          }`,
        );
      }
      chosen.set(model, known);
    }
    return chosen;
  };
}

function parts(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter(Boolean);
}

function unexpected(message: string): never {
  throw new Unexpected(message);
}
