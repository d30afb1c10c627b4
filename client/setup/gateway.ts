/** A gateway as the setup commands talk to it over HTTP: its address, and its answers or why there are none. */

import { CommandError } from "./command_error.ts";
import { t } from "../texts.ts";
import { realWorld } from "../world.ts";

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** How long the gateway may take to answer. */
const ANSWER_WITHIN_MS = 15_000;

/** An answer of the gateway that says no. */
export class GatewayRefusal extends CommandError {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

/** What the gateway says of itself. */
export interface GatewayInfo {
  version: string;
}

export class Gateway {
  /** `https://gateway.example`, without a slash at its end. */
  readonly address: string;
  readonly #hasScheme: boolean;

  /** The address in any form that people copy. Throws CommandError. */
  constructor(text: string, private readonly fetch: Fetch = globalThis.fetch) {
    this.#hasScheme = /^[a-z]+:\/\//i.test(text);
    const url = URL.parse(
      this.#hasScheme ? text : `${isLoopback(text) ? "http" : "https"}://${text}`,
    );
    const scheme = { "ws:": "http:", "wss:": "https:", "http:": "http:", "https:": "https:" }[
      url?.protocol ?? ""
    ];
    if (url === null || scheme === undefined || url.hostname === "") {
      throw new CommandError(
        t`"${text}" is no address of a gateway; give it as https://gateway.example`,
      );
    }
    const path = url.pathname.replace(/\/(ws)?\/*$/, "");
    this.address = `${scheme}//${url.host}${path}`;
  }

  /** Where nodes dial. */
  get serverUrl(): string {
    return `${this.address.replace(/^http/, "ws")}/ws`;
  }

  /** Throws CommandError where this is no gateway, or none can be reached. */
  async info(): Promise<GatewayInfo> {
    const info = await this.ask<Partial<GatewayInfo>>("GET", "/api/info").catch((error) => {
      if (error instanceof GatewayRefusal) throw this.#noGateway(t`it answered ${error.status}`);
      throw error;
    });
    if (typeof info?.version !== "string") throw this.#noGateway(t`it answers something else`);
    return { version: info.version };
  }

  /** The answer's JSON. Throws GatewayRefusal for an error, and CommandError where none answers. */
  async ask<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
    const response = await this.#send(method, path, body);
    const json = await response.json().catch(() => null) as
      | { error?: { code?: unknown; message?: unknown } }
      | null;
    if (response.ok) return json as T;
    const { code, message } = json?.error ?? {};
    const seconds = response.headers.get("retry-after") ?? "?";
    const known = typeof code === "string" && Object.hasOwn(refusals, code)
      ? refusals[code]!(printable(seconds))
      : null;
    throw new GatewayRefusal(
      response.status,
      typeof code === "string" ? code : "",
      known ??
        printable(
          typeof message === "string" ? message : t`The gateway answered ${response.status}`,
        ),
    );
  }

  async #send(method: string, path: string, body: unknown): Promise<Response> {
    try {
      return await this.fetch(this.address + path, {
        method,
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        ...(body === undefined ? {} : {
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      });
    } catch (error) {
      throw new CommandError(
        t`Cannot reach ${this.address}: ${await this.#causeOf(error)}`,
        ...this.#hasScheme || !this.address.startsWith("https:") ? [] : [
          t`If this gateway has no TLS, say so: http://${this.address.slice("https://".length)}`,
        ],
      );
    }
  }

  async #causeOf(error: unknown): Promise<string> {
    const { name = "", code = "", message = "" } = error as Partial<Error & { code: string }>;
    const fault = await realWorld.dialFault!(code, new URL(this.address), 0);
    const text = `${name} ${fault} ${fault === code ? message : ""}`;
    return causes.find(([pattern]) => pattern.test(text))?.[1] ??
      printable(message || t`no answer`);
  }

  #noGateway(state: string): CommandError {
    return new CommandError(
      t`${this.address} is no Co-Link gateway: ${state}; give the address at which its console opens`,
    );
  }
}

function isLoopback(text: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])(:|\/|$)/i.test(text);
}

/** Printed to a terminal: control characters could move the cursor. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ").slice(0, 500);
}

/** By code, in the language of the terminal; other refusals are shown in the gateway's own words. */
const refusals: Readonly<Record<string, (seconds: string) => string>> = {
  join_refused: () =>
    t`Cannot join: the code is wrong, was used or is older than 15 minutes; make a new one`,
  access_denied: () => t`Cannot join: the request was denied in the console`,
  expired_token: () =>
    t`Cannot join: the request was not approved within 15 minutes, or is used; join again`,
  login_throttled: (seconds) =>
    t`Cannot join: this network has tried too often; try again in ${seconds} s`,
};

const causes: readonly [RegExp, string][] = [
  [/timed? ?out|TimeoutError/i, t`no answer within 15 s; check the address and firewalls`],
  [/ENOTFOUND|resolve|dns/i, t`no such name; check the address`],
  [/EAI_AGAIN/, t`its name cannot be looked up now; check this machine's network and DNS`],
  [
    /ENETUNREACH/,
    t`this machine has no route to it; check its network, and the address`,
  ],
  [/EHOSTUNREACH/, t`no machine answers at this address; is it on?`],
  [/EACCES/, t`this machine's rules or firewall forbid the connection`],
  [
    /ECONNREFUSED|refused|Unable to connect/i,
    t`connection refused; is the gateway running at this port?`,
  ],
  [/self.signed/i, t`its certificate is self-signed; NODE_EXTRA_CA_CERTS=FILE names one to trust`],
  [/expired/i, t`its certificate has expired, or this machine's clock is ahead`],
  [
    /NOT_YET_VALID|not yet valid/i,
    t`its certificate is not valid yet: this machine's clock is behind`,
  ],
  [/ALTNAME|NotValidForName|hostname/i, t`its certificate is for another name`],
  [
    /WRONG_VERSION|UNKNOWN_PROTOCOL|EPROTO|handshake failed/i,
    t`it does not speak TLS there; try http://`,
  ],
  [/certificate|TLS|SSL/i, t`its certificate is not trusted`],
  [/ECONNRESET|closed/i, t`it closed the connection; if it speaks TLS, use https://`],
];
