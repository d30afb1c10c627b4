/**
 * Sends HTTP requests over sockets that are read only as fast as the answer is taken: the runtime's own
 * fetch reads ahead, on a thread of its own, and so holds megabytes of an answer that no reader takes.
 */

import { Buffer } from "node:buffer";
import { type Address, Connection } from "./connection.ts";
import { decoded } from "./content_coding.ts";
import { placeOf } from "./dial_fault.ts";
import type { HttpResponse } from "./http_response.ts";
import { type Env, proxyFor } from "./proxy_for.ts";
import { PulledResponse } from "./pulled_response.ts";

/** What the node asks of an HTTP client. The runtime's own fetch takes them all. */
export interface HttpRequest {
  method?: string;
  /** By lower-case name. */
  headers: Readonly<Record<string, string>>;
  body?: string;
  signal: AbortSignal;
  /** Redirects are reported, not followed. */
  redirect: "manual";
  /** False: over a new connection. */
  keepalive?: boolean;
  /** The proxy's URL; false: none; absent: the one that the environment names. */
  proxy?: string | false;
  tls?: { ca?: string[] };
  /** False: no limit besides the signal, which is this client's only limit anyway. */
  timeout?: boolean;
}

/** Idle connections that are kept: of one origin, and of all of them. */
const MAX_IDLE_PER_ORIGIN = 256;
const MAX_IDLE = 512;

/** One that can be sent as it is: others are escaped first, and lose their fragment. */
const PLAIN_URL = /^https?:\/\/[^/?#\\\s]+\/[!"$-~]*$/;

const ACCEPTED_CODINGS = "gzip, deflate, br, zstd";

/** The environment's proxies are read when an origin is first asked. */
export class PullingFetch {
  /** By origin, and by the authorities that it is trusted by. */
  readonly #origins = new Map<string, Origin>();

  /** Of all origins, the one that has been idle for longest first. */
  readonly #idle = new Set<Connection>();

  /** `env` names the proxies, and says whether certificates are checked. */
  constructor(
    private readonly env: Env,
    private readonly limits: { maxIdle?: number; dialWithinMs?: number } = {},
  ) {}

  /** Null: the address is reached through a proxy, or has a name and password in it. */
  send(url: string, request: HttpRequest): Promise<HttpResponse> | null {
    if (typeof request.proxy === "string") return null;
    if (!PLAIN_URL.test(url)) url = new URL(url).href.replace(/#.*/, "");
    const pathAt = url.indexOf("/", "https://".length);
    const origin = this.#origin(pathAt < 0 ? url : url.slice(0, pathAt), request.tls?.ca);
    if (!origin.isDirect && request.proxy === undefined) return null;
    if (origin.hasCredentials) return null;
    return origin.send(pathAt < 0 ? "/" : url.slice(pathAt), request);
  }

  #origin(text: string, ca: string[] | undefined): Origin {
    const known = this.#origins.get(text);
    if (known !== undefined && known.ca === ca) return known;
    const { dialWithinMs } = this.limits;
    const origin = new Origin(new URL(text), ca, this.env, dialWithinMs, {
      idle: (connection) => this.#keep(connection),
      busy: (connection) => void this.#idle.delete(connection),
    });
    this.#origins.set(text, origin);
    return origin;
  }

  #keep(connection: Connection): void {
    this.#idle.add(connection);
    const { maxIdle = MAX_IDLE } = this.limits;
    if (this.#idle.size <= maxIdle) return;
    const [longestIdle] = this.#idle;
    longestIdle!.retire();
  }
}

/** Is notified of an origin's connections. */
interface ConnectionObserver {
  /** It waits for a request. */
  idle(connection: Connection): void;
  /** It carries one, or is closed. */
  busy(connection: Connection): void;
}

/** A server, and the connections to it that wait for a request: the last one used is used first. */
class Origin {
  readonly isDirect: boolean;
  readonly hasCredentials: boolean;
  readonly #address: Address;
  readonly #host: string;
  readonly #idle: Connection[] = [];

  constructor(
    url: URL,
    readonly ca: string[] | undefined,
    env: Env,
    dialWithinMs: number | undefined,
    private readonly observer: ConnectionObserver,
  ) {
    const isSecure = url.protocol === "https:";
    this.isDirect = proxyFor(url, env) === undefined;
    this.hasCredentials = url.username !== "" || url.password !== "";
    this.#host = url.host;
    this.#address = {
      ...placeOf(url),
      ...(dialWithinMs !== undefined && { dialWithinMs }),
      ...(isSecure && {
        tls: {
          ...(ca && { ca }),
          // As the runtime's own client understands it.
          rejectUnauthorized: env.NODE_TLS_REJECT_UNAUTHORIZED !== "0",
        },
      }),
    };
  }

  async send(path: string, request: HttpRequest): Promise<HttpResponse> {
    const { signal, keepalive } = request;
    signal.throwIfAborted();
    const bytes = requestBytes(path, this.#host, request);
    const response = new PulledResponse(signal);
    const kept = keepalive === false ? undefined : this.#idle.pop();
    if (kept !== undefined) this.observer.busy(kept);
    (kept ?? this.#connect()).send(bytes, response);
    return decoded(await response.begun);
  }

  #connect(): Connection {
    return new Connection(this.#address, this.#keep, this.#forget);
  }

  readonly #keep = (connection: Connection): void => {
    if (this.#idle.length >= MAX_IDLE_PER_ORIGIN) return connection.retire();
    this.#idle.push(connection);
    this.observer.idle(connection);
  };

  readonly #forget = (connection: Connection): void => {
    const at = this.#idle.indexOf(connection);
    if (at < 0) return;
    this.#idle.splice(at, 1);
    this.observer.busy(connection);
  };
}

function requestBytes(path: string, host: string, request: HttpRequest): Buffer {
  const { method = "GET", headers, body } = request;
  let head = `${method} ${path} HTTP/1.1\r\n`;
  if (headers.host === undefined) head += `host: ${host}\r\n`;
  if (headers["accept-encoding"] === undefined) head += `accept-encoding: ${ACCEPTED_CODINGS}\r\n`;
  for (const name in headers) head += `${name}: ${checked(name, headers[name]!)}\r\n`;
  if (body === undefined) return Buffer.from(`${head}\r\n`, "latin1");
  const bodyBytes = Buffer.byteLength(body);
  head += `content-length: ${bodyBytes}\r\n\r\n`;
  const bytes = Buffer.allocUnsafeSlow(head.length + bodyBytes);
  bytes.write(head, 0, "latin1");
  bytes.write(body, head.length, "utf8");
  return bytes;
}

/** Some headers are the caller's: a line break would begin another header. */
function checked(name: string, value: string): string {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value) && /^[!#$%&'*+\-.^_`|~\w]+$/.test(name)) return value;
  throw new TypeError(
    `Cannot send the header "${JSON.stringify(name)}": it holds a control character`,
  );
}
