/** Readers of settings: each turns a setting's text into a value, or says which text it expects. */

import { isLoopback } from "./loopback.ts";
import { isIP } from "node:net";
import { homedir } from "node:os";
import { t } from "../texts.ts";

/** Reads one setting's text. Throws SettingError. */
export type Reader<T> = (text: string) => T;

/** A text that its reader does not accept; the message says which texts it does. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

export const text: Reader<string> = (given) => given;

/** A path; `~` stands for the user's home. */
export const folder: Reader<string> = (given) => given.replace(/^~(?=\/|$)/, homedir());

export function number(min: number, max: number): Reader<number> {
  return (given) => {
    const value = Number(given);
    const isInRange = /^\d+(\.\d+)?$/.test(given) && value >= min && value <= max;
    return isInRange ? value : unexpected(t`expected a number from ${min} to ${max}`);
  };
}

export function whole(min: number, max: number): Reader<number> {
  const read = number(min, max);
  return (given) => {
    const value = read(given);
    return Number.isInteger(value) ? value : unexpected(t`expected a whole number`);
  };
}

/** Null for the empty text. */
export function optional<T>(read: Reader<T>): Reader<T | null> {
  return (given) => given === "" ? null : read(given);
}

/** Of a setting that has a default, so that its text is never empty. */
export function required<T>(read: Reader<T | null>): Reader<T> {
  return (given) => read(given) ?? unexpected(t`expected a value`);
}

/** Multiplies a number by its unit. */
export function times(unit: number, read: Reader<number>): Reader<number> {
  return (given) => read(given) * unit;
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
  return (given) =>
    names.find((name) => name === given) ?? unexpected(t`expected one of ${names.join(", ")}`);
}

export const onOff: Reader<boolean> = (given) => choice("on", "off")(given) === "on";

/** Null for the empty text. */
export function url(...schemes: string[]): Reader<string | null> {
  const wanted = schemes.map((scheme) => `${scheme}://…`).join(t` or `);
  return (given) => {
    if (given === "") return null;
    const isOfScheme = schemes.some((scheme) => given.startsWith(`${scheme}://`));
    return isOfScheme && URL.canParse(given) ? given : unexpected(t`expected ${wanted}`);
  };
}

/** Null for the empty text. Without encryption only on this machine: what the provider says decides who is who. */
export const issuer: Reader<string | null> = (given) => {
  const read = url("https", "http")(given);
  if (read === null) return null;
  const { protocol, hostname, search, hash } = new URL(read);
  if (search !== "" || hash !== "") return unexpected(t`expected an issuer without ? and #`);
  const isHere = isLoopback(hostname);
  return protocol === "https:" || isHere ? read : unexpected(t`expected https://…`);
};

/** Words of OAuth 2.0, `openid` among them; empty: none. */
export const scopes: Reader<string> = (given) => {
  const words = given.split(/\s+/).filter(Boolean);
  const isValid = words.every((word) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(word)) &&
    (words.length === 0 || words.includes("openid"));
  return isValid ? words.join(" ") : unexpected(t`expected words, openid among them`);
};

export const names: Reader<string[]> = (given) => parts(given);

/** `theirs=ours, theirs=ours`; one of theirs may stand more than once. */
export const pairs: Reader<(readonly [string, string])[]> = (given) =>
  parts(given).map((pair) => {
    const at = pair.lastIndexOf("=");
    const [theirs, ours] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    return at > 0 && theirs !== "" && ours !== ""
      ? [theirs, ours] as const
      : unexpected(t`expected pairs such as theirs=ours, separated by commas`);
  });

/** A path without a slash at its end; empty: none. */
export const path: Reader<string> = (given) => {
  const trimmed = given.replace(/\/+$/, "");
  return trimmed === "" || /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/.test(trimmed)
    ? trimmed
    : unexpected(t`expected a path such as /co-link`);
};

const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;

/** Names of hosts, each with a dot; in lower case. */
export const domains: Reader<string[]> = (given) => {
  const names = parts(given.toLowerCase());
  const wrong = names.find((name) => !DOMAIN.test(name));
  if (wrong === undefined) return names;
  return unexpected(
    wrong.startsWith("*.")
      ? t`a wildcard cannot be proved over HTTP: name each host`
      : t`expected names such as co-link.example.com, without https:// and port, separated by commas`,
  );
};

export const cidrs: Reader<string[]> = (given) => {
  const list = parts(given);
  return list.every(isCidr)
    ? list
    : unexpected(t`expected addresses or CIDRs such as 10.0.0.0/8, separated by commas`);
};

/** By IP version. */
const MAX_PREFIX_BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 };

function isCidr(given: string): boolean {
  const [, address = "", bits = "0"] = /^([^/]*)(?:\/(\d+))?$/.exec(given) ?? [];
  return Number(bits) <= (MAX_PREFIX_BITS[isIP(address)] ?? -1);
}

/** `model=name, model=name`, each model once. */
export function byModel<const T extends string>(
  ...names: readonly T[]
): Reader<ReadonlyMap<string, T>> {
  return (given) => {
    const chosen = new Map<string, T>();
    for (const pair of parts(given)) {
      const at = pair.lastIndexOf("=");
      const [model, name] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
      const known = names.find((one) => one === name);
      if (at < 0 || model === "" || known === undefined || chosen.has(model)) {
        return unexpected(
          t`expected each model once, as model=policy, separated by commas; policies are ${
            names.join(", ")
          }`,
        );
      }
      chosen.set(model, known);
    }
    return chosen;
  };
}

function parts(given: string): string[] {
  return given.split(",").map((part) => part.trim()).filter(Boolean);
}

function unexpected(message: string): never {
  throw new SettingError(message);
}
