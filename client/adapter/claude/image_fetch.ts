/**
 * Fetches images at http:// URLs, which Claude itself does not. Only if the node's owner allows it,
 * and only from the public Internet: callers are untrusted, and the node is inside its owner's
 * network.
 */

import { isIP } from "node:net";
import { UpstreamFailure } from "../adapter.ts";
import { badRequest, unsupported } from "../bad_request.ts";
import type { ImagePart, ModelRequest, Part } from "../bridge/model_request.ts";
import { isPublicAddress } from "./public_address.ts";
import type { Web, WebAnswer } from "./web.ts";

const MAX_REDIRECTS = 3;
const MAX_IMAGE_BYTES = 10 * 1024 * 1024;
/** Per request: Claude accepts 32 MB, and base64 adds a third. */
const MAX_TOTAL_BYTES = 20 * 1024 * 1024;
const FETCH_WITHIN_MS = 15_000;

/**
 * Replaces http:// URLs by the images' data. Throws a 400 that names an image that cannot be
 * fetched.
 */
export async function fetchImages(
  { turns }: ModelRequest,
  web: Web,
  signal: AbortSignal,
): Promise<void> {
  const withinTime = AbortSignal.any([signal, AbortSignal.timeout(FETCH_WITHIN_MS)]);
  let leftBytes = MAX_TOTAL_BYTES;
  for (const { part, address, param } of plainImages(turns)) {
    const { url, bytes } = await fetchImage(address, param, leftBytes, web, withinTime)
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw error;
      });
    part.url = url;
    leftBytes -= bytes;
  }
}

/** An image with an http:// URL in a request. */
interface PlainImage {
  part: ImagePart;
  address: string;
  param: string;
}

function plainImages(turns: ModelRequest["turns"]): PlainImage[] {
  return turns.flatMap(({ parts }) => imagesIn(parts)).flatMap((part) =>
    /^http:/i.test(part.url) ? [{ part, address: part.url, param: part.param }] : []
  );
}

function imagesIn(parts: readonly Part[]): ImagePart[] {
  return parts.flatMap((part) => {
    if (part.type === "result") return imagesIn(part.parts);
    return part.type === "image" ? [part] : [];
  });
}

async function fetchImage(
  address: string,
  param: string,
  leftBytes: number,
  web: Web,
  signal: AbortSignal,
): Promise<{ url: string; bytes: number }> {
  let url = parseUrl(address, param);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    // Claude fetches https:// URLs itself.
    if (url.protocol === "https:") return { url: url.href, bytes: 0 };
    const answer = await open(url, param, web, signal);
    try {
      if (answer.location === undefined || answer.status < 300 || answer.status > 399) {
        return await asDataUrl(answer, param, Math.min(MAX_IMAGE_BYTES, leftBytes));
      }
      url = parseUrl(answer.location, param, url);
    } finally {
      answer.close();
    }
  }
  throw badRequest(param, `Cannot fetch the image: more than ${MAX_REDIRECTS} redirects`);
}

function parseUrl(address: string, param: string, base?: URL): URL {
  const url = URL.parse(address, base?.href);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.password === "";
  if (!isPlain) throw badRequest(param, "Cannot fetch the image: its address is not a plain one");
  return url;
}

/** Every address of the host must be public; the request goes to a checked address. */
async function open(url: URL, param: string, web: Web, signal: AbortSignal): Promise<WebAnswer> {
  try {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const addresses = isIP(host) ? [host] : await unlessAborted(web.resolve(host), signal);
    const [first] = addresses;
    if (first === undefined || !addresses.every(isPublicAddress)) {
      throw badRequest(param, "Cannot fetch the image: its address is not a public one");
    }
    return await web.get(first, url, signal);
  } catch (error) {
    if (error instanceof UpstreamFailure) throw error;
    throw badRequest(param, "Cannot fetch the image: nothing answers at its address");
  }
}

/** Stops waiting for a promise that cannot be cancelled. */
function unlessAborted<T>(wait: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    wait.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

async function asDataUrl(
  { status, length, body }: WebAnswer,
  param: string,
  maxBytes: number,
): Promise<{ url: string; bytes: number }> {
  if (status !== 200) throw badRequest(param, `Cannot fetch the image: HTTP ${status}`);
  const tooLarge = () =>
    badRequest(param, "The image is too large: 10 MiB each, 20 MiB in all", "image_too_large");
  if ((length ?? 0) > maxBytes) throw tooLarge();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of body) {
      parts.push(part);
      bytes += part.byteLength;
      if (bytes > maxBytes) throw tooLarge();
    }
  } catch (error) {
    if (error instanceof UpstreamFailure) throw error;
    throw badRequest(param, "Cannot fetch the image: its server broke off");
  }
  const data = Buffer.concat(parts);
  const type = imageType(data);
  if (type === undefined) {
    throw unsupported(param, "Claude takes JPEG, PNG, GIF and WebP images; this is none of them");
  }
  return { url: `data:${type};base64,${data.toString("base64")}`, bytes };
}

/** Detects the type by the first bytes: servers often send a wrong content type. */
function imageType(data: Buffer): string | undefined {
  const begins = data.toString("latin1", 0, 12);
  return signatures.find(([pattern]) => pattern.test(begins))?.[1];
}

const signatures: readonly [RegExp, string][] = [
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^\x89PNG\r\n/, "image/png"],
  [/^GIF8/, "image/gif"],
  [/^RIFF....WEBP/s, "image/webp"],
];
