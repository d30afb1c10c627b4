import { expect, test } from "bun:test";
import { StubUpstream } from "../../testing/stub_upstream.ts";
import { UpstreamFailure } from "../adapter.ts";
import { readChatRequest } from "./chat_request.ts";
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

/** A web of the given names and pages, which remembers from whom it was asked for what. */
function webOf(names: Record<string, string[]>, pages: Record<string, Page>) {
  const asked: string[] = [];
  const web: Web = {
    resolve: (host) =>
      names[host] ? Promise.resolve(names[host]) : Promise.reject(new Error("ENOTFOUND")),
    get: (address, url) => {
      asked.push(`${url.href} at ${address}`);
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
  return { web, asked };
}

async function fetched(urls: string | string[], web: Web): Promise<unknown[]> {
  const content = [urls].flat().map((url) => ({ type: "image_url", image_url: { url } }));
  const chat = readChatRequest(JSON.stringify({ messages: [{ role: "user", content }] }));
  await fetchImages(chat, web, signal);
  const parts = chat.messages[0]!.content as { image_url: { url: string } }[];
  return parts.map(({ image_url }) => image_url.url);
}

async function refusal(urls: string | string[], web: Web) {
  const failure = await fetched(urls, web).catch((error: unknown) => error);
  if (!(failure instanceof UpstreamFailure)) throw new Error("It was fetched");
  return { code: failure.code, param: failure.error?.param, why: failure.message };
}

test("an image at a public http:// address is fetched, from the address that was checked", async () => {
  const page = "http://pics.example/a.png?x=1";
  const { web, asked } = webOf({ "pics.example": ["93.184.216.34"] }, { [page]: {} });
  expect(await fetched(page, web)).toEqual([
    `data:image/png;base64,${PNG.toString("base64")}`,
  ]);
  expect(asked).toEqual([`${page} at 93.184.216.34`]);
});

test("what is not http:// is left as it is", async () => {
  const { web, asked } = webOf({}, {});
  const urls = ["https://10.0.0.1/a.png", "data:image/png;base64,AAAA"];
  expect(await fetched(urls, web)).toEqual(urls);
  expect(asked).toEqual([]);
});

test("nothing is asked at an address that is not public, however it is written", async () => {
  const { web, asked } = webOf({
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
    expect(await refusal(`http://${host}/a.png`, web)).toMatchObject({ code: 400, param: PARAM });
  }
  expect(asked).toEqual([]);
});

test("a redirect is checked like the first address, and one to https:// is left to Claude", async () => {
  const names = { "a.example": ["93.184.216.34"], "b.example": ["10.0.0.1"] };
  const { web, asked } = webOf(names, {
    "http://a.example/in": { status: 302, location: "http://b.example/secret" },
    "http://a.example/local": { status: 301, location: "//127.0.0.1/" },
    "http://a.example/file": { status: 301, location: "file:///etc/passwd" },
    "http://a.example/safe": { status: 308, location: "https://b.example/i.png" },
    "http://a.example/there": { status: 307, location: "/here" },
    "http://a.example/here": {},
    "http://a.example/loop": { status: 302, location: "/loop" },
  });
  for (const page of ["in", "local", "file", "loop"]) {
    expect((await refusal(`http://a.example/${page}`, web)).param).toBe(PARAM);
  }
  expect(await fetched("http://a.example/safe", web)).toEqual(["https://b.example/i.png"]);
  expect((await fetched("http://a.example/there", web))[0]).toStartWith("data:image/png");
  expect(asked.every((each) => each.startsWith("http://a.example/"))).toBe(true);
  expect(asked.filter((each) => each.includes("loop"))).toHaveLength(4);
});

test("what is too large, missing or no image is refused", async () => {
  const MiB = 1024 * 1024;
  const large = Buffer.alloc(6 * MiB, PNG);
  const { web } = webOf({ "a.example": ["93.184.216.34"] }, {
    "http://a.example/said": { length: 11 * MiB },
    "http://a.example/sent": { body: [large, large] },
    "http://a.example/big": { body: [large] },
    "http://a.example/text": { body: [Buffer.from("<html>")] },
  });
  const why = async (...pages: string[]) =>
    (await refusal(pages.map((page) => `http://a.example/${page}`), web)).why;
  expect(await why("said")).toContain("too large");
  expect(await why("sent")).toContain("too large");
  expect(await why("big", "big", "big", "big")).toContain("20 MiB in all");
  expect(await why("text")).toContain("none of them");
  expect(await why("gone")).toContain("HTTP 404");
});

test("a caller who leaves does not wait for a name that is never found", async () => {
  const leave = new AbortController();
  const web: Web = { ...webOf({}, {}).web, resolve: () => new Promise(() => {}) };
  const content = [{ type: "image_url", image_url: { url: "http://a.example/" } }];
  const chat = readChatRequest(JSON.stringify({ messages: [{ role: "user", content }] }));
  const fetching = fetchImages(chat, web, leave.signal);
  leave.abort(new Error("gone"));
  expect(await fetching.catch((error: unknown) => error)).toEqual(new Error("gone"));
});

test("the real web asks the address it is given, under the name that the page has", async () => {
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
