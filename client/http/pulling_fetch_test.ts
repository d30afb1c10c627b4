/** The node's HTTP client, against real sockets. */

import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createSecureServer, type TLSSocket } from "node:tls";
import { brotliCompressSync, deflateSync } from "node:zlib";
import { createAuthority } from "../../tests/harness/certificate.ts";
import { until } from "../../tests/harness/wait.ts";
import type { HttpFailure, HttpResponse } from "./http_response.ts";
import { type HttpRequest, PullingFetch } from "./pulling_fetch.ts";

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const client = new PullingFetch({});
const { signal } = new AbortController();

function send(url: string, change: Partial<HttpRequest> = {}): Promise<HttpResponse> {
  return client.send(url, { headers: {}, signal, redirect: "manual", ...change })!;
}

interface Raw {
  url: string;
  port: number;
  /** The requests as they came, by connection. */
  requests: string[][];
  sockets: Socket[];
}

/** A server that writes the answer to each request as it is. */
async function serve(
  answer: (socket: Socket, request: string) => void,
  { host = "127.0.0.1", server = undefined as Server | undefined, scheme = "http" } = {},
): Promise<Raw> {
  const raw: Raw = { url: "", port: 0, requests: [], sockets: [] };
  const take = (socket: Socket) => {
    const requests: string[] = [];
    raw.requests.push(requests);
    raw.sockets.push(socket);
    let text = "";
    socket.on("error", () => {/* The client hung up. */});
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      const [head = "", body] = text.split("\r\n\r\n", 2);
      const length = Number(/^content-length: (\d+)/mi.exec(head)?.[1] ?? 0);
      if (body === undefined || body.length < length) return;
      text = "";
      requests.push(`${head}\r\n\r\n${body}`);
      answer(socket, head);
    });
  };
  const listening = server ?? createServer();
  listening.on(scheme === "https" ? "secureConnection" : "connection", take);
  listening.listen(0, host);
  await once(listening, "listening");
  raw.port = (listening.address() as AddressInfo).port;
  raw.url = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${raw.port}`;
  cleanups.push(() => {
    listening.close();
    for (const socket of raw.sockets) socket.destroy();
  });
  return raw;
}

/** However it is closed. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

const OK = "HTTP/1.1 200 OK\r\n";
const whole = (body: string, headers = "") =>
  `${OK}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => "it did not fail", (error) => error.code ?? error);
}

async function bodyOf(response: HttpResponse): Promise<string> {
  const reader = response.body!.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += Buffer.from(value).toString();
  }
}

test("a request is sent as it is given, and its answer read", async () => {
  const server = await serve((socket) => socket.write(whole("naïve", "X-A: b\r\n")));
  const request = { method: "POST", headers: { "x-own": "1" }, body: `{"a":"é😀"}` };
  const response = await send(`${server.url}/v1/chat?x=1`, request);
  expect([response.status, response.ok, response.headers.get("x-a")]).toEqual([200, true, "b"]);
  expect(await response.text()).toBe("naïve");
  const [[sent]] = server.requests as [[string]];
  expect(Buffer.from(sent, "latin1").toString()).toBe(
    `POST /v1/chat?x=1 HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\n` +
      "accept-encoding: gzip, deflate, br, zstd\r\nx-own: 1\r\n" +
      `content-length: ${Buffer.byteLength(request.body)}\r\n\r\n${request.body}`,
  );
});

test("a header cannot bring another one with it", async () => {
  const server = await serve((socket) => socket.write(whole("")));
  for (const value of ["a\r\nx-evil: 1", "a\0", "a\nb", "€"]) {
    expect(await failureOf(send(server.url, { headers: { "x-a": value } })))
      .toBeInstanceOf(TypeError);
  }
  expect(await failureOf(send(server.url, { headers: { "x-a: b\r\nc": "" } })))
    .toBeInstanceOf(TypeError);
  expect(server.requests).toEqual([]);
});

const paths: [path: string, sent: string][] = [
  ["", "/"],
  ["?a=b", "/?a=b"],
  ["/a b/é", "/a%20b/%C3%A9"],
  ["/a?b#c", "/a?b"],
  ["/a HTTP/1.1\r\nx-evil: 1", "/a%20HTTP/1.1x-evil:%201"],
  ["/%20?a=b|c", "/%20?a=b|c"],
];
for (const [path, sent] of paths) {
  test(`the path ${JSON.stringify(path)} is sent as ${sent}`, async () => {
    const server = await serve((socket) => socket.write(whole("")));
    await send(server.url + path);
    expect(server.requests[0]![0]!.split("\r\n", 2)).toEqual([
      `GET ${sent} HTTP/1.1`,
      `host: 127.0.0.1:${server.port}`,
    ]);
  });
}

test("a redirect is reported and not followed", async () => {
  const server = await serve((socket) =>
    socket.write("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
  );
  const { status, ok } = await send(server.url);
  expect([status, ok, server.requests.length]).toEqual([302, false, 1]);
});

test("an IPv6 address and a name are dialled", async () => {
  const six = await serve((socket) => socket.write(whole("six")), { host: "::1" });
  expect(await (await send(six.url)).text()).toBe("six");
  const four = await serve((socket) => socket.write(whole("four")));
  expect(await (await send(`http://localhost:${four.port}/`)).text()).toBe("four");
});

describe("a compressed body is readable", () => {
  const bodies: [coding: string, body: Uint8Array][] = [
    ["gzip", Bun.gzipSync("squeezed")],
    ["deflate", deflateSync("squeezed")],
    // Without the header that HTTP demands.
    ["Deflate", Bun.deflateSync("squeezed")],
    ["br", brotliCompressSync("squeezed")],
    ["zstd", Bun.zstdCompressSync("squeezed")],
  ];
  for (const [coding, body] of bodies) {
    test(`in ${coding}`, async () => {
      const head = `${OK}Content-Encoding: ${coding}\r\nContent-Length: ${body.byteLength}\r\n\r\n`;
      const server = await serve((socket) => {
        socket.write(head);
        socket.write(body);
      });
      expect(await (await send(server.url)).text()).toBe("squeezed");
      expect(await bodyOf(await send(server.url))).toBe("squeezed");
    });
  }

  test("where it is empty, whatever its coding", async () => {
    const server = await serve((socket) => socket.write(whole("", "Content-Encoding: gzip\r\n")));
    expect(await (await send(server.url)).text()).toBe("");
    expect(server.requests).toHaveLength(1);
  });

  test("up to where it breaks off, and its connection ends with its reader", async () => {
    const half = Bun.gzipSync(crypto.getRandomValues(new Uint8Array(50_000))).subarray(0, 20_000);
    const server = await serve((socket) => {
      socket.write(`${OK}Content-Encoding: gzip\r\nContent-Length: 50000\r\n\r\n`);
      socket.write(half);
    });
    const reader = (await send(server.url)).body!.getReader();
    expect((await reader.read()).value!.byteLength).toBeGreaterThan(0);
    const ended = closed(server.sockets[0]!);
    await reader.cancel();
    await ended;
    const other = bodyOf(await send(server.url));
    server.sockets[1]!.resetAndDestroy();
    expect(await failureOf(other)).toBe("ECONNRESET");
  });
});

describe("a connection", () => {
  test("is used again once its answer has come whole", async () => {
    const server = await serve((socket) => socket.write(whole("{}")));
    for (let i = 0; i < 3; i++) await (await send(server.url)).text();
    expect(server.requests.map(({ length }) => length)).toEqual([3]);
    // Requests at the same time need one each.
    await Promise.all([send(server.url), send(server.url)]);
    expect(server.requests).toHaveLength(2);
  });

  const lost: [why: string, answer: string, change?: Partial<HttpRequest>][] = [
    ["its server closes it", whole("", "Connection: close\r\n")],
    ["its server will close it in a second", whole("", "Keep-Alive: timeout=1\r\n")],
    ["bytes came that no request has asked for", `${whole("a")}HTTP/1.1 200 OK\r\n`],
    ["a new one is asked for", whole(""), { keepalive: false }],
  ];
  for (const [why, answer, change] of lost) {
    test(`is not used again where ${why}`, async () => {
      const server = await serve((socket) => socket.write(answer));
      await (await send(server.url)).text();
      await (await send(server.url, change)).text();
      expect(server.requests.map(({ length }) => length)).toEqual([1, 1]);
    });
  }

  test("is closed where too many of all servers are idle, the one that is idle for longest first", async () => {
    const client = new PullingFetch({}, { maxIdle: 2 });
    const ask = async ({ url }: Raw) => {
      const response = await client.send(url, { headers: {}, signal, redirect: "manual" })!;
      await response.text();
    };
    const [a, b, c] = await Promise.all(
      Array.from({ length: 3 }, () => serve((socket) => socket.write(whole("")))),
    ) as [Raw, Raw, Raw];
    await ask(a);
    await ask(b);
    // Used again, it is idle for less long than the other.
    await ask(a);
    await ask(c);
    await closed(b.sockets[0]!);
    for (const server of [a, c, a]) await ask(server);
    expect([a, b, c].map(({ sockets }) => sockets.length)).toEqual([1, 1, 1]);
    await ask(b);
    expect(b.sockets).toHaveLength(2);
  });

  test("that says something between two answers is closed", async () => {
    const server = await serve((socket) => socket.write(whole("first")));
    await (await send(server.url)).text();
    server.sockets[0]!.write(whole("forged"));
    await closed(server.sockets[0]!);
    expect(await (await send(server.url)).text()).toBe("first");
    expect(server.requests).toHaveLength(2);
  });

  test("that its server has closed meanwhile is not used again", async () => {
    const server = await serve((socket) => socket.write(whole("a")));
    await (await send(server.url)).text();
    server.sockets[0]!.end();
    await closed(server.sockets[0]!);
    expect(await (await send(server.url)).text()).toBe("a");
    expect(server.requests.map(({ length }) => length)).toEqual([1, 1]);
  });

  test("ends with an answer that is not read to its end", async () => {
    const server = await serve((socket) => socket.write(`${OK}Content-Length: 9\r\n\r\na`));
    const response = await send(server.url);
    const ended = closed(server.sockets[0]!);
    await response.body!.cancel();
    await ended;
  });
});

describe("a request fails", () => {
  test("as timed out where a server does not answer a handshake, and hangs up", async () => {
    const server = await serve(() => {});
    const impatient = new PullingFetch({}, { dialWithinMs: 50 });
    const request = { headers: {}, signal, redirect: "manual" as const };
    const secure = server.url.replace("http:", "https:");
    expect(await failureOf(impatient.send(secure, request)!)).toBe("ETIMEDOUT");
    await closed(server.sockets[0]!);
  });

  test("with the system's code where there is no connection", async () => {
    const closed = await serve(() => {});
    cleanups.splice(0).forEach((cleanup) => cleanup());
    expect(await failureOf(send(closed.url))).toBe("ECONNREFUSED");
    expect(await failureOf(send("http://name.invalid/"))).toBe("ENOTFOUND");
  });

  const broken: [how: string, answer: (socket: Socket) => void][] = [
    ["is closed", (socket) => socket.end()],
    ["is reset", (socket) => socket.resetAndDestroy()],
  ];
  for (const [how, answer] of broken) {
    test(`where its connection ${how} before an answer`, async () => {
      const server = await serve(answer);
      expect(await failureOf(send(server.url))).toBe("ECONNRESET");
    });

    test(`where its connection ${how} within an answer`, async () => {
      const server = await serve((socket) => {
        socket.write(`${OK}Content-Length: 9\r\n\r\nhalf`, () => answer(socket));
      });
      const response = await send(server.url);
      expect(await failureOf(bodyOf(response))).toBe("ECONNRESET");
    });
  }

  test("as stale only where a kept connection ends soon, and without a byte of an answer", async () => {
    const server = await serve((socket, head) => {
      if (head.startsWith("GET /kept")) return void socket.write(whole(""));
      if (head.startsWith("GET /begun")) return void socket.end("HTTP/1.1 2");
      socket.end();
    });
    const isStale = (path: string) =>
      send(server.url + path).catch((failure: HttpFailure) => failure.isStale);
    expect(await isStale("/new")).toBe(false);
    await send(`${server.url}/kept`);
    expect(await isStale("/used")).toBe(true);
    await send(`${server.url}/kept`);
    expect(await isStale("/begun")).toBe(false);
    await send(`${server.url}/kept`);
    const clock = spyOn(performance, "now");
    cleanups.push(() => clock.mockRestore());
    clock.mockReturnValueOnce(0).mockReturnValueOnce(10_000);
    expect(await isStale("/late")).toBe(false);
    expect(server.requests.map(({ length }) => length)).toEqual([1, 2, 2, 2]);
  });

  test("for an answer that is none", async () => {
    const server = await serve((socket) => socket.write("SSH-2.0-OpenSSH\r\n\r\n"));
    expect(await failureOf(send(server.url))).toBe("HPE_INVALID_RESPONSE");
  });

  test("with the signal's reason, and hangs up", async () => {
    const server = await serve((socket, head) => {
      if (head.startsWith("GET /begun")) socket.write(`${OK}Content-Length: 9\r\n\r\nhalf`);
    });
    for (const path of ["/silent", "/begun"]) {
      const controller = new AbortController();
      const asked = send(server.url + path, { signal: controller.signal }).then(bodyOf);
      await until(
        "the request is there",
        () => server.requests.flat().some((r) => r.includes(path)),
      );
      const ended = closed(server.sockets.at(-1)!);
      controller.abort(new Error("gone"));
      expect(await failureOf(asked)).toEqual(new Error("gone"));
      await ended;
    }
    expect(await failureOf(send(server.url, { signal: AbortSignal.abort("late") }))).toBe("late");
  });
});

test("an answer that ends with its connection is whole", async () => {
  const server = await serve((socket) => socket.end(`${OK}\r\nto the end`));
  expect(await (await send(server.url)).text()).toBe("to the end");
});

test("a large request that the kernel takes in parts arrives whole", async () => {
  const server = await serve((socket) => socket.write(whole("ok")));
  const body = "0123456789".repeat(800_000);
  expect(await (await send(server.url, { method: "POST", body })).text()).toBe("ok");
  expect(server.requests[0]![0]!.endsWith(`\r\n\r\n${body}`)).toBe(true);
});

describe("a body that is never read", () => {
  const piece = Buffer.from(`10000\r\n${"x".repeat(0x10000)}\r\n`);
  const PIECES = 1_000;

  /** Writes 64 MiB as fast as they are taken. */
  function pour(socket: Socket): { pieces: number } {
    const poured = { pieces: 0 };
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
    const next = () => {
      while (poured.pieces < PIECES) {
        poured.pieces++;
        if (!socket.write(piece)) return;
      }
      socket.write("0\r\n\r\n");
      socket.off("drain", next);
    };
    socket.on("drain", next);
    next();
    return poured;
  }

  const schemes = ["http", "https"];
  for (const scheme of schemes) {
    test(`stays with its sender, and arrives whole once it is read: ${scheme}`, async () => {
      let poured = { pieces: 0 };
      const { server, tls } = scheme === "https" ? await secureServer("127.0.0.1") : {};
      const raw = await serve((socket) => poured = pour(socket), { server, scheme });
      const response = await send(raw.url, tls && { tls });
      const reader = response.body!.getReader();
      let bytes = (await reader.read()).value!.byteLength;
      // What the kernel's buffers take, and no more.
      let before = -1;
      await until("the sender stands still", async () => {
        before = poured.pieces;
        await Bun.sleep(50);
        return poured.pieces === before;
      });
      expect(poured.pieces).toBeLessThan(PIECES / 2);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        bytes += value.byteLength;
      }
      expect(bytes).toBe(PIECES * 0x10000);
    });
  }
});

async function secureServer(...names: string[]) {
  const authority = await createAuthority();
  const { certFile, keyFile } = await authority.issue(...names);
  const server = createSecureServer({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ALPNProtocols: ["h2", "http/1.1"],
  });
  return { server, tls: { ca: [readFileSync(authority.certFile, "utf8")] } };
}

describe("over TLS", () => {
  test("a server with the right name is asked, and its connection used again", async () => {
    const { server, tls } = await secureServer("127.0.0.1");
    const raw = await serve((socket) => socket.write(whole("secret")), { server, scheme: "https" });
    for (let i = 0; i < 2; i++) expect(await (await send(raw.url, { tls })).text()).toBe("secret");
    expect(raw.requests.map(({ length }) => length)).toEqual([2]);
  });

  test("HTTP/1.1 is asked for, and a name of names alone", async () => {
    const { server, tls } = await secureServer("127.0.0.1", "localhost");
    const raw = await serve((socket) => socket.write(whole("")), { server, scheme: "https" });
    for (const url of [raw.url, `https://localhost:${raw.port}`]) await send(url, { tls });
    const hellos = raw.sockets.map((socket) => socket as TLSSocket & { servername: string | false })
      .map(({ alpnProtocol, servername }) => [alpnProtocol, servername || null]);
    expect(hellos).toEqual([["http/1.1", null], ["http/1.1", "localhost"]]);
  });

  test("a server that no authority vouches for is asked where the environment says so", async () => {
    const { server } = await secureServer("127.0.0.1");
    const raw = await serve((socket) => socket.write(whole("any")), { server, scheme: "https" });
    const trusting = new PullingFetch({ NODE_TLS_REJECT_UNAUTHORIZED: "0" });
    const response = trusting.send(raw.url, { headers: {}, signal, redirect: "manual" })!;
    expect(await (await response).text()).toBe("any");
  });

  test("nothing is sent to a server of another name, or that no authority vouches for", async () => {
    const { server, tls } = await secureServer("other.example");
    const raw = await serve((socket) => socket.write(whole("")), { server, scheme: "https" });
    expect(await failureOf(send(raw.url, { tls }))).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await failureOf(send(raw.url))).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(raw.requests.flat()).toEqual([]);
  });
});

test("an address behind a proxy, or with a password in it, is left to the runtime's client", () => {
  const behind = new PullingFetch({ HTTP_PROXY: "http://p:1", NO_PROXY: "near.invalid" });
  const ask = (url: string, change: Partial<HttpRequest> = {}) => {
    const answer = behind.send(url, { headers: {}, signal, redirect: "manual", ...change });
    answer?.catch(() => {/* There is no such server. */});
    return answer !== null;
  };
  expect(ask("http://far.invalid/")).toBe(false);
  expect(ask("http://near.invalid/")).toBe(true);
  expect(ask("http://far.invalid/", { proxy: false })).toBe(true);
  expect(ask("http://near.invalid/", { proxy: "http://q:1" })).toBe(false);
  expect(ask("http://u:p@near.invalid/")).toBe(false);
});
