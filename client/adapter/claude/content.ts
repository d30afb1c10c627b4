/** A turn's parts → Claude's blocks. */

import { badRequest, unsupported } from "../bad_request.ts";
import type { Part } from "../bridge/model_request.ts";
import { toolId } from "../tool_id.ts";
import { toolInput } from "../tool_input.ts";
import type { Block } from "./wire.ts";

const MAX_IMAGE_BYTES = 10 * 1024 * 1024;
const IMAGE_TYPES: ReadonlySet<string> = new Set([
  "image/jpeg",
  "image/png",
  "image/gif",
  "image/webp",
]);

/** The blocks of the parts, without blank texts, which Claude rejects. Thinking blocks are added in thinking_blocks.ts. */
export function blocksOf(parts: readonly Part[]): Block[] {
  return parts.flatMap((part) => {
    const block = blockOf(part);
    if (block === null) return [];
    const cache = part.type === "thinking" ? undefined : part.cache;
    return [cache === undefined ? block : { ...block, cache_control: cache }];
  });
}

function blockOf(part: Part): Block | null {
  switch (part.type) {
    case "text":
    case "refusal":
      return part.text.trim() === "" ? null : { type: "text", text: part.text };
    case "image":
      return imageBlock(part.url, part.param);
    case "file":
      return fileBlock(part.data, part.name, part.param);
    case "audio":
      throw unsupported(part.param, "Claude takes no audio");
    case "call": {
      const { argumentsText: text } = part;
      const input = part.isCustom ? { input: text } : toolInput(text);
      return { type: "tool_use", id: toolId(part.id), name: part.name, input };
    }
    case "result": {
      const content = blocksOf(part.parts);
      return {
        type: "tool_result",
        tool_use_id: toolId(part.callId || "unknown"),
        ...(content.length > 0 ? { content } : {}),
        ...(part.isError ? { is_error: true } : {}),
      };
    }
    case "thinking":
      return null;
  }
}

function imageBlock(url: string, param: string): Block {
  if (url.startsWith("https://")) return { type: "image", source: { type: "url", url } };
  if (!url.startsWith("data:")) {
    throw badRequest(
      param,
      "Images must be data: or https:// URLs; this node fetches nothing",
    );
  }
  const { type, data } = dataUrl(url, param);
  if (type === "application/pdf") return pdfBlock(data);
  const mediaType = type === "image/jpg" ? "image/jpeg" : type;
  if (!IMAGE_TYPES.has(mediaType)) {
    throw unsupported(param, `Claude takes JPEG, PNG, GIF and WebP images, not ${type}`);
  }
  if (data.length * 0.75 > MAX_IMAGE_BYTES) {
    throw badRequest(param, "The image is larger than 10 MiB", "image_too_large");
  }
  return { type: "image", source: { type: "base64", media_type: mediaType, data } };
}

function fileBlock(url: string, name: string | null, param: string): Block {
  const { type, data } = dataUrl(url, param);
  const title = name ? { title: name } : {};
  if (type === "application/pdf") return { ...pdfBlock(data), ...title };
  if (type.startsWith("text/")) {
    const source = { type: "text", media_type: "text/plain", data: decodeText(data, param) };
    return { type: "document", source, ...title };
  }
  throw unsupported(param, `Claude takes PDF and text files, not ${type}`);
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
  if (data === "") throw badRequest(param, "The data: URL holds no data");
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
