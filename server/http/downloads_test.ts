/** What nodes' owners fetch: the release's files, and scripts that name this gateway and nothing else. */

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { Budgets } from "../base/budgets.ts";
import { ColinkError } from "../base/error.ts";
import type { Origin } from "./address.ts";
import { Downloads } from "./downloads.ts";
import type { AppEnv } from "./env.ts";

const folder = mkdtempSync(join(tmpdir(), "downloads-"));
afterAll(() => rmSync(folder, { recursive: true }));

const archive = "co-link-client-linux-x64.tar.gz";
const sum = "ab".repeat(32);
const full = join(folder, "full");
mkdirSync(full);
writeFileSync(join(folder, "secret"), "a secret");
writeFileSync(join(full, archive), "the program");
writeFileSync(join(full, "notes.txt"), "not part of a release");
writeFileSync(join(full, "SHA256SUMS"), `${sum}  ${archive}\n${sum}  sbom.cdx.json\n`);
writeFileSync(join(full, "latest.json"), `{"version":"1.2.3+abc","committed_at":null}`);

interface World {
  dirs?: string[];
  publicUrl?: string | null;
  origin?: Origin;
  allowed?: boolean;
}

/** A real server, whose HEAD is the runtime's doing as much as ours. */
function serve({ dirs = [full], publicUrl = null, origin, allowed = true }: World = {}) {
  const verdict = { allowed, limit: 60, remaining: 0, resetMs: 1, retryAfterMs: 5000 };
  const downloads = new Downloads({
    dirs,
    installDir: join(import.meta.dir, "..", "install"),
    releaseKeys: [Buffer.alloc(32, 7).toString("base64")],
    config: { publicUrl, basePath: "" },
    origin: () => origin ?? { address: "192.0.2.1", isSecure: false },
    limiter: { take: () => verdict },
    budgets: new Budgets(),
  });
  const app = new Hono<AppEnv>();
  app.onError((error, c) =>
    error instanceof ColinkError
      ? c.json({ code: error.code, message: error.message }, error.kind.status as 404)
      : c.text(String(error), 500)
  );
  app.get("/download/", (c) => downloads.list(c));
  app.get("/download/:name", (c) => downloads.file(c));
  app.get("/install.sh", downloads.script("install.sh"));
  app.get("/install.ps1", downloads.script("install.ps1"));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) => app.fetch(request, { server } as unknown as AppEnv["Bindings"]),
  });
  afterAll(() => server.stop(true));
  return (path: string, init?: RequestInit) => fetch(new URL(path, server.url), init);
}

describe("files", () => {
  const get = serve();

  test("a file comes whole, with its length, and HEAD says the same without it", async () => {
    const whole = await get(`/download/${archive}`);
    expect(await whole.text()).toBe("the program");
    const head = await get(`/download/${archive}`, { method: "HEAD" });
    for (const { status, headers } of [whole, head]) {
      expect(status).toBe(200);
      expect(headers.get("content-length")).toBe("11");
      expect(headers.get("content-type")).toBe("application/gzip");
      expect(headers.get("cache-control")).toBe("no-cache");
    }
    expect(await head.text()).toBe("");
  });

  test("who has the file already gets 304", async () => {
    const etag = (await get(`/download/${archive}`)).headers.get("etag") ?? "";
    const again = await get(`/download/${archive}`, { headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
  });

  test("the list names the version, and each file that is there with size and checksum", async () => {
    expect(await (await get("/download/")).json()).toEqual({
      version: "1.2.3+abc",
      committed_at: null,
      files: [{ name: archive, bytes: 11, sha256: sum }],
    });
  });

  test("nothing but a release's own files is sent, whatever the path", async () => {
    symlinkSync(join(folder, "secret"), join(full, "link"));
    const paths = [
      "notes.txt",
      "link",
      "..%2fsecret",
      "%2e%2e%2fsecret",
      "..%5csecret",
      "%00",
      ".",
    ];
    for (const path of [...paths, `${archive}%00.txt`, `./${archive}/../../secret`]) {
      const answer = await get(`/download/${path}`);
      expect(await answer.text()).not.toContain("a secret");
      expect([200, 404]).toContain(answer.status);
      if (answer.status === 200) expect(path).toBe(".");
    }
  });

  test("a file that is not there is refused with what the operator can do", async () => {
    const answer = await get("/download/co-link-client-darwin-x64.tar.gz");
    expect(answer.status).toBe(404);
    expect(await messageOf(answer)).toContain("`npx bun@1.4.5 run release`");
    const none = serve({ dirs: [join(folder, "nowhere")] });
    for (const path of ["/download/", "/download/SHA256SUMS"]) {
      const missing = await none(path);
      expect(missing.status).toBe(404);
      expect(await messageOf(missing)).toContain("COLINK_DOWNLOADS_DIR");
    }
  });

  test("the first folder with a release is used, and none is mixed with another", async () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    const both = serve({ dirs: [empty, full] });
    expect((await both(`/download/${archive}`)).status).toBe(200);
    writeFileSync(join(empty, "SHA256SUMS"), "");
    expect((await both(`/download/${archive}`)).status).toBe(404);
  });

  test("a network that has downloaded too often is told when to come again", async () => {
    const get = serve({ allowed: false });
    const answer = await get(`/download/${archive}`);
    expect(answer.status).toBe(429);
    expect(await messageOf(answer)).toContain("60 programs within a minute");
    // The small files beside it are free.
    expect((await get("/download/SHA256SUMS")).status).toBe(200);
  });
});

describe("scripts", () => {
  const address = (text: string) =>
    /^GATEWAY='(.*)'$/m.exec(text)?.[1] ?? /^ {2}\$gateway = '(.*)'$/m.exec(text)?.[1];
  const scripts = ["/install.sh", "/install.ps1"];

  test("name the address that the caller used, with https behind a proxy that says so", async () => {
    const isSecure = serve({ origin: { address: "192.0.2.1", isSecure: true } });
    for (const path of scripts) {
      const host = { headers: { host: "gateway.example:8443" } };
      expect(address(await (await serve()(path, host)).text())).toBe("http://gateway.example:8443");
      expect(address(await (await isSecure(path, host)).text())).toBe(
        "https://gateway.example:8443",
      );
    }
  });

  test("name the public URL where one is set, whatever the caller's Host says", async () => {
    const get = serve({ publicUrl: "https://co-link.example/base/" });
    for (const path of scripts) {
      const text = await (await get(path, { headers: { host: "evil.example" } })).text();
      expect(address(text)).toBe("https://co-link.example/base");
      expect(text).not.toContain("evil.example");
      expect(text).not.toMatch(/@[A-Z_]+@/);
    }
  });

  test("are refused to a Host that is more than a host", async () => {
    for (
      const host of ["a'$(id)'", "a`id`", "a;id", "a b", "a\\b", "a$IFS", "[::1]'x", 'a"b', "ä"]
    ) {
      for (const path of scripts) {
        const raw = await rawGet(serve(), path, host);
        expect(raw).not.toContain("GATEWAY=");
        expect(raw).toMatch(/^HTTP\/1\.1 4/);
      }
    }
  });

  test("are never kept by caches, and are plain text to a browser", async () => {
    for (const path of scripts) {
      const { headers } = await serve()(path);
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("content-type")).toBe("text/plain; charset=utf-8");
    }
  });
});

async function messageOf(answer: Response): Promise<string> {
  return (await answer.json() as { message: string }).message;
}

/** What a client without manners sends: fetch would correct the header. */
async function rawGet(get: ReturnType<typeof serve>, path: string, host: string): Promise<string> {
  const { port } = new URL((await get("/download/")).url);
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = "";
  await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: {
      open: (socket) =>
        void socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
      data: (_, bytes) => void (received += new TextDecoder().decode(bytes)),
      close: () => resolve(received),
      error: () => resolve(received),
    },
  });
  return await promise;
}
