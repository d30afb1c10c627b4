/** The manual under /docs, as `scripts/manual/` renders it, with the gateway's own address in its examples. */

import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Next } from "hono";
import { accepts } from "hono/accepts";
import { LRUCache } from "lru-cache";
import type { Config } from "../base/config.ts";
import type { Origin } from "./address.ts";
import { type SecurityHeaders, serveAsset, type Served } from "./assets.ts";
import type { AppContext } from "./env.ts";
import { gatewayUrl } from "./gateway_url.ts";

/** What the build writes in the place of the gateway's address, and of the one for nodes. */
export const ADDRESS = "%%GATEWAY%%";
export const NODE_ADDRESS = "%%GATEWAY_WS%%";

/** Of pages with an address in them. Without a public address, each name of the host has its own. */
const CACHE_BYTES = 8 * 1024 * 1024;

const languages = ["en", "zh"];

/** Nothing else is looked up, so that a path cannot lead out of the folder. */
const FILE = /^(?:(?:en|zh)\/[a-z0-9-]+\.(?:html|md|json)|llms\.txt)$/;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".json": "application/json",
};

interface ManualParts {
  /** The folder that the build wrote. */
  dir: string;
  config: Pick<Config, "publicUrl" | "basePath">;
  origin: (c: AppContext) => Origin;
  headers: SecurityHeaders;
}

/** Handlers of the manual's paths. What the manual does not have is left to the routes after them. */
export class Manual {
  readonly #parts: ManualParts;
  readonly #filled = new LRUCache<string, Served>({
    maxSize: CACHE_BYTES,
    sizeCalculation: ({ sizes: { identity, gzip = 0 } }) => identity + gzip,
  });

  constructor(parts: ManualParts) {
    this.#parts = parts;
  }

  /** `/docs/LANGUAGE/NAME`: a page; with `.md` its Markdown; `search.json`. `/docs`, `/docs/NAME`: leads to the edition in the reader's language. */
  page(c: AppContext, next: Next): Response | Promise<void> {
    const [first = "", page, ...rest] = c.req.path.split("/").slice(2);
    if (page === undefined) return this.#choose(c, first, next);
    const isPage = rest.length === 0 && languages.includes(first);
    return isPage && this.#answer(c, `${first}/${fileOf(page)}`) || next();
  }

  #choose(c: AppContext, page: string, next: Next): Response | Promise<void> {
    const isEdition = languages.includes(page);
    if (!isEdition && this.#read(`en/${fileOf(page)}`) === undefined) return next();
    return c.body(null, 302, {
      location: `${this.#parts.config.basePath}/docs/${
        isEdition ? `${page}/` : `${languageOf(c)}/${page}`
      }`,
      vary: "accept-language",
      "cache-control": "no-cache",
    });
  }

  /** `/llms.txt`: the pages, for programs. */
  llms(c: AppContext, next: Next): Response | Promise<void> {
    return this.#answer(c, "llms.txt") ?? next();
  }

  #answer(c: AppContext, file: string): Response | undefined {
    const url = gatewayUrl(c, this.#parts);
    const key = `${file} ${url}`;
    const known = this.#filled.get(key);
    const asset = known === undefined ? this.#fill(file, url) : compressed(known);
    if (asset === undefined) return undefined;
    if (asset !== known) this.#filled.set(key, asset);
    return serveAsset(c, asset, this.#parts.headers(c));
  }

  #fill(file: string, url: string): Served | undefined {
    const text = this.#read(file);
    return text === undefined ? undefined : filledIn(file, text, url);
  }

  #read(file: string): string | undefined {
    if (!FILE.test(file)) return undefined;
    try {
      return readFileSync(join(this.#parts.dir, file), "utf8");
    } catch {
      // The manual has no such page.
      return undefined;
    }
  }
}

/** `errors` is the file errors.html; `errors.md` and `search.json` are themselves. */
function fileOf(page: string): string {
  if (page === "") return "index.html";
  return extname(page) === "" ? `${page}.html` : page;
}

function languageOf(c: AppContext): string {
  return accepts(c, {
    header: "Accept-Language",
    supports: languages,
    default: "en",
    match: (accepted, { supports, default: fallback }) =>
      accepted.toSorted((a, b) => b.q - a.q)
        .map(({ type }) => type.toLowerCase().split("-")[0]!)
        .find((language) => supports.includes(language)) ?? fallback,
  });
}

/** A page with the gateway's address in it, which is plain: see `gatewayUrl`. */
function filledIn(file: string, text: string, url: string): Served {
  const filled = text.replaceAll(ADDRESS, url)
    .replaceAll(NODE_ADDRESS, url.replace(/^http/, "ws"));
  const identity = new Uint8Array(Buffer.from(filled));
  return {
    file,
    type: types[extname(file)] ?? "application/octet-stream",
    etag: Bun.hash(filled).toString(36),
    immutable: false,
    sizes: { identity: identity.length },
    bytes: { identity },
  };
}

/**
 * With its compressed form, which is made when a page is asked for again at the same address: else
 * requests for a large page under ever new names of the host would have each compressed. The level
 * makes a page a twentieth larger than the usual one does, in half the time.
 */
function compressed(asset: Served): Served {
  const identity = asset.bytes?.identity;
  if (identity === undefined || asset.sizes.gzip !== undefined) return asset;
  const gzip = new Uint8Array(Bun.gzipSync(identity, { level: 3 }));
  return {
    ...asset,
    sizes: { identity: identity.length, gzip: gzip.length },
    bytes: { identity, gzip },
  };
}
