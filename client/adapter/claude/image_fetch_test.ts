import { expect, test } from "bun:test";
import { StubUpstream } from "../../testing/stub_upstream.ts";
import { UpstreamFailure } from "../adapter.ts";
import { readChatRequest } from "../chat/request_reader.ts";
import { fetchImages } from "./image_fetch.ts";
import { realWeb, type Web, type WebAnswer } from "./web.ts";

const PNG = Buffer.from("\x89PNG\r\n\x1a\nrest", "latin1");
const PARAM = "messages[0].content[0].image_url.url";
const signal = new AbortController().signal;

interface Page {
  status?: number;
  location?: string;
  length?: number;
  body?: Uint8Array[];
}

/** A fake web of the given hosts and pages; `requests` records address and URL of each request. */
function webOf(names: Record<string, string[]>, pages: Record<string, Page>) {
  const requests: string[] = [];
  const web: Web = {
    resolve: (host) =>
      names[host] ? Promise.resolve(names[host]) : Promise.reject(new Error("ENOTFOUND")),
    get: (address, url) => {
      requests.push(`${url.href} at ${address}`);
      const { status = 200, location, length, body = [PNG] } = pages[url.href] ?? { status: 404 };
      const answer: WebAnswer = {
        status,
        location,
        length,
        body: (async function* () {
          for await (const part of body) yield part;
        })(),
        close: () => {},
      };
      return Promise.resolve(answer);
    },
  };
  return { web, requests };
}

async function fetched(urls: string | string[], web: Web): Promise<unknown[]> {
  const content = [urls].flat().map((url) => ({ type: "image_url", image_url: { url } }));
  const chat = readChatRequest(JSON.stringify({ messages: [{ role: "user", content }] }));
  await fetchImages(chat, web, signal);
  return chat.turns[0]!.parts.map((part) => part.type === "image" ? part.url : part);
}

async function rejection(urls: string | string[], web: Web) {
  const failure = await fetched(urls, web).catch((error: unknown) => error);
  if (!(failure instanceof UpstreamFailure)) throw new Error("It was fetched");
  return { code: failure.code, param: failure.error?.param, why: failure.message };
}

test("an image at a public http:// address is fetched, from the address that was checked", async () => {
  const page = "http://pics.example/a.png?x=1";
  const { web, requests } = webOf({ "pics.example": ["93.184.216.34"] }, { [page]: {} });
  expect(await fetched(page, web)).toEqual([
    `data:image/png;base64,${PNG.toString("base64")}`,
  ]);
  expect(requests).toEqual([`${page} at 93.184.216.34`]);
});

test("other URLs than http:// are left unchanged", async () => {
  const { web, requests } = webOf({}, {});
  const urls = ["https://10.0.0.1/a.png", "data:image/png;base64,AAAA"];
  expect(await fetched(urls, web)).toEqual(urls);
  expect(requests).toEqual([]);
});

test("no request goes to a non-public address, however it is written", async () => {
  const { web, requests } = webOf({
    "inside.example": ["10.0.0.1"],
    "both.example": ["93.184.216.34", "127.0.0.1"],
    "six.example": ["::ffff:10.0.0.1"],
    "none.example": [],
  }, {});
  const hosts = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "169.254.169.254",
    "inside.example",
    "both.example",
    "six.example",
    "none.example",
    "unknown.example",
    "user:pw@93.184.216.34",
  ];
  for (const host of hosts) {
    expect(await rejection(`http://${host}/a.png`, web)).toMatchObject({ code: 400, param: PARAM });
  }
  expect(requests).toEqual([]);
});

test("a redirect is checked like the first address; one to https:// is left to Claude", async () => {
  const names = { "a.example": ["93.184.216.34"], "b.example": ["10.0.0.1"] };
  const { web, requests } = webOf(names, {
    "http://a.example/in": { status: 302, location: "http://b.example/secret" },
    "http://a.example/local": { status: 301, location: "//127.0.0.1/" },
    "http://a.example/file": { status: 301, location: "file:///etc/passwd" },
    "http://a.example/safe": { status: 308, location: "https://b.example/i.png" },
    "http://a.example/there": { status: 307, location: "/here" },
    "http://a.example/here": {},
    "http://a.example/loop": { status: 302, location: "/loop" },
  });
  for (const page of ["in", "local", "file", "loop"]) {
    expect((await rejection(`http://a.example/${page}`, web)).param).toBe(PARAM);
  }
  expect(await fetched("http://a.example/safe", web)).toEqual(["https://b.example/i.png"]);
  expect((await fetched("http://a.example/there", web))[0]).toStartWith("data:image/png");
  expect(requests.every((each) => each.startsWith("http://a.example/"))).toBe(true);
  expect(requests.filter((each) => each.includes("loop"))).toHaveLength(4);
});

test("an image that is too large, missing or of another type is rejected", async () => {
  const MiB = 1024 * 1024;
  const large = Buffer.alloc(6 * MiB, PNG);
  const { web } = webOf({ "a.example": ["93.184.216.34"] }, {
    "http://a.example/said": { length: 11 * MiB },
    "http://a.example/sent": { body: [large, large] },
    "http://a.example/big": { body: [large] },
    "http://a.example/text": { body: [Buffer.from("<html>")] },
  });
  const why = async (...pages: string[]) =>
    (await rejection(pages.map((page) => `http://a.example/${page}`), web)).why;
  expect(await why("said")).toContain("too large");
  expect(await why("sent")).toContain("too large");
  expect(await why("big", "big", "big", "big")).toContain("20 MiB in all");
  expect(await why("text")).toContain("none of them");
  expect(await why("gone")).toContain("HTTP 404");
});

test("an aborted call does not wait for a DNS lookup", async () => {
  const leave = new AbortController();
  const web: Web = { ...webOf({}, {}).web, resolve: () => new Promise(() => {}) };
  const content = [{ type: "image_url", image_url: { url: "http://a.example/" } }];
  const chat = readChatRequest(JSON.stringify({ messages: [{ role: "user", content }] }));
  const fetching = fetchImages(chat, web, leave.signal);
  leave.abort(new Error("gone"));
  expect(await fetching.catch((error: unknown) => error)).toEqual(new Error("gone"));
});

test("the real web sends the request to the given address with the URL's host", async () => {
  const seen: string[] = [];
  const upstream = new StubUpstream(() => new Response(), (request) => {
    seen.push(request.url);
    return new Response(PNG);
  });
  try {
    const { port } = new URL(upstream.url);
    const page = new URL(`http://pics.example:${port}/a.png?x=1`);
    const answer = await realWeb.get("127.0.0.1", page, signal);
    const parts = await Array.fromAsync(answer.body);
    expect(Buffer.concat(parts)).toEqual(PNG);
    expect(answer.status).toBe(200);
    expect(seen).toEqual([page.href]);
    expect(await realWeb.resolve("localhost")).toContain("127.0.0.1");
  } finally {
    await upstream.stop();
  }
});
