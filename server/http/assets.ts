/** The console's files, as `scripts/build_web.ts` builds them: hashed, compressed, listed in a manifest. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Handler } from "hono";
import { accepts } from "hono/accepts";
import { isApiCaller } from "./credentials.ts";
import type { AppContext, AppEnv } from "./env.ts";

/** One file of the console, in every encoding that is stored. */
export interface Asset {
  /** Relative to the manifest's folder; `.br` and `.gz` stand beside it where `sizes` names them. */
  file: string;
  type: string;
  /** Unquoted, of the uncompressed bytes. */
  etag: string;
  /** Whether the path contains a digest of the content, so that caches may keep it indefinitely. */
  immutable: boolean;
  /** Bytes on disk. */
  sizes: { identity: number; br?: number; gzip?: number };
}

/** `manifest.json`: path → file. */
export type Manifest = Record<string, Asset>;

type Encoding = keyof Asset["sizes"];

/** An asset as it is served: its files, or bytes that were made from them. */
export interface Served extends Asset {
  bytes?: Partial<Record<Encoding, Uint8Array<ArrayBuffer>>>;
}

const suffixes: Readonly<Record<Encoding, string>> = { identity: "", br: ".br", gzip: ".gz" };
/** Best first. */
const encodings: readonly Encoding[] = ["br", "gzip"];

const INDEX = "/index.html";

const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "img-src 'self' data:",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

/** Browsers ignore it, and log an error, where the page came over plain HTTP from another machine. */
const OPENER_POLICY = { "cross-origin-opener-policy": "same-origin" };

/** Hosts that browsers trust over plain HTTP, too. */
const LOCAL_HOST = /^(?:localhost|[^:]+\.localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/i;

interface SecurityOptions {
  /** Browsers shall never come by plain HTTP again. */
  httpsOnly?: boolean;
  /** Whether the browser came by HTTPS. */
  isSecure?: (c: AppContext) => boolean;
}

/** The headers by which the browser guards a page. */
export type SecurityHeaders = (c: AppContext) => Readonly<Record<string, string>>;

/** The same for every page of the gateway. */
export function securityHeadersOf(
  { httpsOnly = false, isSecure = () => true }: SecurityOptions = {},
): SecurityHeaders {
  const always = httpsOnly ? { ...securityHeaders, ...HSTS } : securityHeaders;
  return (c) => {
    const isTrusted = isSecure(c) || LOCAL_HOST.test(c.req.header("host") ?? "");
    return isTrusted ? { ...always, ...OPENER_POLICY } : always;
  };
}

/** For a year. */
const HSTS = { "strict-transport-security": "max-age=31536000" };

/**
 * A handler for GET and HEAD of everything that is not an API: answers with a listed file, else with
 * the console's page, which has its own routes. Paths that name a file (`/assets/…`, or with an
 * extension) and are not listed go to the app's `notFound`, and so do programs that look for the API:
 * an SDK would take a page for an empty answer. Reads `manifest.json` in `dir` at once, and throws
 * where the console was not built. `headers`: of every answer. `base`: below which path of its host the
 * gateway is reached, or empty.
 */
export function assets(
  dir: string,
  headers: SecurityHeaders = securityHeadersOf(),
  base = "",
): Handler<AppEnv> {
  const manifest: Record<string, Served> = readManifest(dir);
  if (base !== "") manifest[INDEX] = pageBelow(base, dir, manifest[INDEX]!);
  return (c) => {
    const asset = manifest[c.req.path] ?? (isPage(c) ? manifest[INDEX] : undefined);
    return asset === undefined ? c.notFound() : serveAsset(c, asset, headers(c), dir);
  };
}

function readManifest(dir: string): Manifest {
  const path = join(dir, "manifest.json");
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new Error(`Cannot serve the console: ${path} is missing; run the build:web task`, {
      cause,
    });
  }
}

/** The console's page, whose addresses begin with `base`. All other files name each other relatively. */
function pageBelow(base: string, dir: string, page: Asset): Served {
  const html = readFileSync(join(dir, page.file), "utf8")
    .replaceAll(/ (href|src)="\//g, ` $1="${base}/`)
    .replace("<html ", `<html data-base="${base}" `);
  const identity = new Uint8Array(Buffer.from(html));
  const gzip = new Uint8Array(Bun.gzipSync(identity));
  return {
    ...page,
    etag: Bun.hash(html).toString(36),
    sizes: { identity: identity.length, gzip: gzip.length },
    bytes: { identity, gzip },
  };
}

function isPage({ req }: AppContext): boolean {
  return req.path === "/" || !namesFile(req.path) && !isApiCaller(req.raw.headers);
}

function namesFile(path: string): boolean {
  return path.startsWith("/assets/") || /\.[^/]+$/.test(path);
}

/** `dir`: where the asset's files are, unless it has its bytes. */
export function serveAsset(
  c: AppContext,
  asset: Served,
  always: Readonly<Record<string, string>>,
  dir = "",
): Response {
  const encoding = chosenEncoding(c, asset);
  // A strong tag stands for exact bytes, so each encoding has its own.
  const etag = encoding === "identity" ? `"${asset.etag}"` : `"${asset.etag}-${encoding}"`;
  const headers = new Headers({
    ...always,
    "cache-control": asset.immutable ? "public, max-age=31536000, immutable" : "no-cache",
    vary: "accept-encoding",
    etag,
  });
  if (isKnown(c.req.header("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  headers.set("content-type", asset.type);
  // Set here because the runtime would answer HEAD with a length of 0.
  headers.set("content-length", String(asset.sizes[encoding]));
  if (encoding !== "identity") headers.set("content-encoding", encoding);
  const body = asset.bytes?.[encoding] ?? Bun.file(join(dir, asset.file + suffixes[encoding]));
  return new Response(body, { headers });
}

function chosenEncoding(c: AppContext, asset: Asset): Encoding {
  const supports = encodings.filter((encoding) => asset.sizes[encoding] !== undefined);
  return accepts(c, {
    header: "Accept-Encoding",
    supports,
    default: "identity",
    match: (accepted) =>
      supports.find((name) => accepted.some(({ type, q }) => type === name && q > 0)) ?? "identity",
  }) as Encoding;
}

/** Compares weakly, as If-None-Match does: a proxy may have added `W/` to the tag. */
function isKnown(header: string | undefined, etag: string): boolean {
  return header?.split(",").some((tag) => {
    const bare = tag.trim().replace(/^W\//, "");
    return bare === etag || bare === "*";
  }) ?? false;
}
