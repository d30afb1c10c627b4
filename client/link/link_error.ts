/** Why a link to the gateway did not open, or ended: in one line that says what to do. */

import { CloseCode } from "../../protocol/mod.ts";
import { phrase } from "../../text/mod.ts";

export interface LinkError {
  reason: string;
  /** Whether dialling again cannot help until the owner acts. */
  needsOwner: boolean;
  /** Whether the server rejected the subprotocol of wire v2; it may take the node without. */
  knowsOnlyV1?: boolean;
}

/** For a link that never opened; `error` is the socket's error event, `code` the system's where that is another one. */
export function dialError(error: unknown, code = dialCode(error)): LinkError {
  const text = `${code} ${textOf(error)}`;
  const status = /(?:status code|Proxy authentication required): (\d{3})/.exec(text)?.[1];
  const known = status === undefined
    ? connectErrors.find(([pattern]) => pattern.test(text))?.[1]
    : statusErrors[status] ?? phrase`the server answered HTTP ${status} instead of a WebSocket`;
  return {
    reason: phrase`cannot connect: ${known ?? phrase`the server cannot be reached`}`,
    // The gateway may only not know a refused token yet.
    needsOwner: false,
    knowsOnlyV1: NO_SUBPROTOCOL.test(text),
  };
}

/** What the runtime says that the system said; empty: nothing. */
export function dialCode(event: unknown): string {
  const { error } = (event ?? {}) as { error?: { code?: unknown } };
  return typeof error?.code === "string" ? error.code : "";
}

/** For a link that was open; the reason may be empty. */
export function closeError(code: number, reason: string): LinkError {
  // Printed to a terminal: control characters could move the cursor.
  const shown = reason.replaceAll(/\p{Cc}/gu, " ").slice(0, 200).trim();
  const meaning = closeMeanings[code] ?? phrase`closed with code ${code}`;
  return {
    reason: shown === ""
      ? phrase`disconnected: ${meaning}`
      : phrase`disconnected: ${meaning} (${shown})`,
    needsOwner: code === CloseCode.revoked,
  };
}

/** Bun's words for a server that agreed to no subprotocol, or to another one. */
const NO_SUBPROTOCOL = /(missing|mismatch) client protocol/i;

const statusErrors: Readonly<Record<string, string>> = Object.freeze({
  // The gateway's console answers every path that is not the gateway's own.
  200: phrase`a website at this path, no gateway (200); server_url usually ends with /ws`,
  ...Object.fromEntries(["301", "302", "307", "308"].map((status) => [
    status,
    phrase`the server redirects to another address (${status}); if that is https://, write wss:// in server_url`,
  ])),
  400:
    phrase`the server does not understand the request (400); if it speaks TLS at this port, use wss://`,
  407:
    phrase`the proxy wants a name and a password (407); write them as http://user:password@proxy in HTTPS_PROXY`,
  426:
    phrase`no WebSocket comes through (426): use wss:// if the gateway speaks TLS, otherwise let the proxy before it pass Upgrade on`,
  401:
    phrase`the gateway refused the node token (401); copy it from the console's Keys page into client_token`,
  403: phrase`the gateway refused this machine (403)`,
  404: phrase`no gateway at this path (404); server_url usually ends with /ws`,
  429: phrase`the gateway takes no more connections now (429)`,
  502: phrase`the proxy before the gateway does not reach it (502)`,
  503: phrase`the gateway takes no connections now (503)`,
});

/** Patterns of Bun's and Deno's own messages; the first that matches counts. */
const connectErrors: readonly [RegExp, string][] = [
  [
    /WRONG_VERSION_NUMBER|corrupt message/i,
    phrase`the server does not speak TLS; try ws:// or its port`,
  ],
  [/self.signed/i, phrase`TLS: the server's certificate is self-signed`],
  [
    /CERT_HAS_EXPIRED|certificate.*expired/i,
    phrase`TLS: the server's certificate has expired, or this machine's clock is ahead`,
  ],
  [
    /CERT_NOT_YET_VALID|not yet valid|NotValidYet/i,
    phrase`TLS: the server's certificate is not valid yet: this machine's clock is behind`,
  ],
  [/ALTNAME|NotValidForName/i, phrase`TLS: the server's certificate is for another name`],
  [/TLS|SSL|certificate/i, phrase`TLS: the server's certificate is not trusted`],
  [/ENOTFOUND|dns error/i, phrase`the server's name is not known; check server_url`],
  [
    /EAI_AGAIN/,
    phrase`the server's name cannot be looked up now; check this machine's network and DNS`,
  ],
  [
    /ENETUNREACH/,
    phrase`this machine has no route to the server; check its network, and server_url`,
  ],
  [
    /EHOSTUNREACH/,
    phrase`no machine answers at the server's address; is it on? Check server_url`,
  ],
  [
    /EACCES/,
    phrase`this machine's rules or firewall forbid the connection; allow it there`,
  ],
  [
    /ECONNREFUSED|tcp connect error/i,
    phrase`connection refused; is the gateway running at this port?`,
  ],
  [
    /ECONNRESET|Connection ended/i,
    phrase`the server closed the connection; if it speaks TLS, use wss://`,
  ],
  [NO_SUBPROTOCOL, phrase`the gateway knows only wire v1`],
  [/ETIMEDOUT|timed? ?out/i, phrase`the server does not answer; check server_url and firewalls`],
];

const closeMeanings: Readonly<Record<number, string>> = Object.freeze({
  [CloseCode.normal]: phrase`the gateway closed the link normally`,
  1001: phrase`the gateway is going away`,
  1005: phrase`the gateway closed the link`,
  1006: phrase`the connection was lost`,
  1009: phrase`a frame was too large for the gateway`,
  [CloseCode.restart]: phrase`the gateway is restarting`,
  [CloseCode.revoked]:
    phrase`the node token was revoked; copy the new one from the console's Keys page into client_token`,
  [CloseCode.notRegistered]: phrase`the gateway received no REGISTER in time`,
  [CloseCode.protocol]: phrase`the gateway did not understand this node`,
});

function textOf(event: unknown): string {
  const { message, error } = (event ?? {}) as {
    message?: unknown;
    error?: { message?: unknown };
  };
  return [message, error?.message].filter((text) => typeof text === "string")
    .join(" ");
}
