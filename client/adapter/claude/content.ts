/** A message's content parts → Claude's blocks. */

import { badRequest, unsupported } from "../bad_request.ts";
import type { CacheHints, Part } from "./chat_request.ts";
import type { Block, CacheControl } from "./wire.ts";

const MAX_IMAGE_BYTES = 10 * 1024 * 1024;
const IMAGE_TYPES: ReadonlySet<string> = new Set([
  "image/jpeg",
  "image/png",
  "image/gif",
  "image/webp",
]);

/** The blocks of a message's content, without blank texts, which Claude rejects. */
export function blocksOf(content: string | Part[] | null | undefined, param: string): Block[] {
  const parts = typeof content === "string" ? [{ type: "text", text: content }] : content ?? [];
  return parts.flatMap((part, i) => {
    const write = writers[part.type];
    if (write === undefined || !Object.hasOwn(writers, part.type)) {
      throw unsupported(`${param}[${i}].type`, `Claude takes no ${part.type} parts`);
    }
    const block = write(part, `${param}[${i}]`);
    return block === null ? [] : [withCacheHint(block, part)];
  });
}

/** The text of a message's content, with its parts joined. */
export function textOf(content: string | Part[] | null | undefined): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text ?? part.refusal ?? "").join("");
}

/** A text block, or null for blank text. */
export function textBlock(text: string | null | undefined): Block | null {
  return text === null || text === undefined || text.trim() === "" ? null : { type: "text", text };
}

/** Adds a cache hint given in either dialect. */
export function withCacheHint(block: Block, hints: CacheHints): Block {
  const control = cacheControl(hints);
  return control === undefined ? block : { ...block, cache_control: control };
}

export function cacheControl(hints: CacheHints): CacheControl | undefined {
  const { cache_control, prompt_cache_breakpoint: mark } = hints;
  if (cache_control) return cache_control as CacheControl;
  if (!mark) return undefined;
  // Claude supports two lifetimes; any other falls back to the default.
  return mark.ttl === "1h" || mark.ttl === "5m"
    ? { type: "ephemeral", ttl: mark.ttl }
    : { type: "ephemeral" };
}

const writers: Readonly<Record<string, (part: Part, param: string) => Block | null>> = Object
  .freeze({
    text: (part) => textBlock(part.text),
    refusal: (part) => textBlock(part.refusal),
    image_url: imageBlock,
    file: fileBlock,
    input_audio: (_, param) => {
      throw unsupported(param, "Claude takes no audio");
    },
  });

function imageBlock(part: Part, param: string): Block {
  const url = typeof part.image_url === "string" ? part.image_url : part.image_url?.url;
  const where = `${param}.image_url.url`;
  if (url === undefined) throw badRequest(where, "image_url has no url");
  if (url.startsWith("https://")) return { type: "image", source: { type: "url", url } };
  if (!url.startsWith("data:")) {
    throw badRequest(
      where,
      "Images must be data: or https:// addresses; this node fetches nothing",
    );
  }
  const { type, data } = dataUrl(url, where);
  if (type === "application/pdf") return pdfBlock(data);
  const mediaType = type === "image/jpg" ? "image/jpeg" : type;
  if (!IMAGE_TYPES.has(mediaType)) {
    throw unsupported(where, `Claude takes JPEG, PNG, GIF and WebP images, not ${type}`);
  }
  if (data.length * 0.75 > MAX_IMAGE_BYTES) {
    throw badRequest(where, "The image is larger than 10 MiB", "image_too_large");
  }
  return { type: "image", source: { type: "base64", media_type: mediaType, data } };
}

function fileBlock(part: Part, param: string): Block {
  const { file_data: text, filename } = part.file ?? {};
  if (!text) {
    throw unsupported(
      `${param}.file.file_data`,
      "Files must be sent as file_data, a data: address",
    );
  }
  const { type, data } = dataUrl(text, `${param}.file.file_data`);
  const title = filename ? { title: filename } : {};
  if (type === "application/pdf") return { ...pdfBlock(data), ...title };
  if (type.startsWith("text/")) {
    const source = { type: "text", media_type: "text/plain", data: decodeText(data, param) };
    return { type: "document", source, ...title };
  }
  throw unsupported(`${param}.file.file_data`, `Claude takes PDF and text files, not ${type}`);
}

function pdfBlock(data: string): Block {
  return { type: "document", source: { type: "base64", media_type: "application/pdf", data } };
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** `data:TYPE[;parameter=value];base64,DATA` */
function dataUrl(url: string, param: string): { type: string; data: string } {
  const comma = url.indexOf(",");
  const [type = "", ...rest] = url.slice("data:".length, comma).split(";");
  if (!url.startsWith("data:") || comma < 0 || rest.at(-1)?.trim() !== "base64") {
    throw badRequest(param, "Expected data:TYPE;base64,DATA");
  }
  const data = url.slice(comma + 1).replaceAll(/\s+/g, "");
  if (data === "") throw badRequest(param, "The data: address holds no data");
  if (!BASE64.test(data)) throw badRequest(param, "The data is not base64");
  return { type: type.trim().toLowerCase(), data };
}

function decodeText(data: string, param: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)));
  } catch {
    throw badRequest(param, "The file's data is not base64");
  }
}
