/** URLs of databases and of Redis: several hosts, and passwords with anything in them. */

import { readFileSync } from "node:fs";
import { type Reader, SettingError } from "./setting.ts";
import { codeText } from "./trouble_cause.ts";
import { t } from "../texts.ts";

export interface ServiceUrl {
  scheme: string;
  /** Empty: none; as the password. */
  username: string;
  password: string;
  /** Empty: none is named. */
  hosts: { host: string; port: number | null }[];
  /** Without the slash before it. */
  path: string;
  parameters: Map<string, string>;
}

const SHAPE = /^([a-z-]+):\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/s;

const HOST = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s]*))(?::(.*))?$/;

const ENCODE = t`percent-encode / as %2F, ? as %3F, # as %23, @ as %40 and % as %25`;

/**
 * Reads such a URL. Throws SettingError, which names the part that is wrong and repeats none: where a
 * password is not encoded, any part may be a piece of it.
 */
export function parseServiceUrl(text: string, schemes: readonly string[]): ServiceUrl {
  const [, scheme = "", auth = "", list = "", path = "", query = "", fragment] = SHAPE.exec(text) ??
    [];
  if (!schemes.includes(scheme)) {
    const wanted = schemes.map((scheme) => `${scheme}://…`).join(t` or `);
    const isOfScheme = schemes.some((scheme) => text.startsWith(`${scheme}://`));
    throw new SettingError(isOfScheme ? t`an @ stands too late; ${ENCODE}` : t`expected ${wanted}`);
  }
  if (fragment !== undefined) throw new SettingError(t`there is a # in it; ${ENCODE}`);
  if (path.includes("@")) throw new SettingError(t`there is an @ after the first /; ${ENCODE}`);
  const colon = auth.indexOf(":");
  const [username, password] = colon < 0 ? [auth, ""] : [
    auth.slice(0, colon),
    auth.slice(colon + 1),
  ];
  return {
    scheme,
    username: decoded(t`user name`, username),
    password: decoded(t`password`, password),
    hosts: list === "" ? [] : list.split(",").map(hostOf),
    path: decoded(t`path`, path),
    parameters: new Map(
      query.split("&").filter(Boolean).map((pair) => {
        const [name = "", ...value] = pair.split("=");
        return [decoded(t`parameters`, name), decoded(t`parameter ${name}`, value.join("="))];
      }),
    ),
  };
}

/** A PEM file that a parameter names. */
export function fileOf({ parameters }: ServiceUrl, name: string): string | undefined {
  const path = parameters.get(name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new SettingError(
      t`the file of its ${name} cannot be read (${codeText(error)})`,
    );
  }
}

/** The setting's text, once `check` has accepted it; null for the empty text. */
export function checkedUrl(check: (text: string) => unknown): Reader<string | null> {
  return (given) => {
    if (given === "") return null;
    check(given);
    return given;
  };
}

function hostOf(text: string, at: number, { length }: readonly string[]) {
  const which = length === 1 ? t`host` : t`host no. ${at + 1}`;
  const [whole, address, name = "", port] = HOST.exec(text) ?? [];
  if (whole === undefined) throw new SettingError(t`its ${which} is no host name or address`);
  const isPort = port === undefined || /^\d{1,5}$/.test(port) && Number(port) <= 65535;
  if (!isPort) throw new SettingError(t`the port of its ${which} is no port; ${ENCODE}`);
  const host = address ?? decoded(which, name);
  if (host === "") throw new SettingError(t`its ${which} is empty`);
  return { host, port: port === undefined ? null : Number(port) };
}

function decoded(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SettingError(t`its ${what} has a % that encodes nothing; ${ENCODE}`);
  }
}
