/** Claude's content blocks → neutral parts. */

import { badRequest, unsupported } from "../bad_request.ts";
import type { Part, TextPart } from "../bridge/model_request.ts";
import { toJsonText } from "../raw_json.ts";
import type { Block, Source } from "./request_schema.ts";

/** The parts of a user's, an assistant's or a tool's blocks. `at` gives a block's path. */
export function partsOf(blocks: readonly Block[], at: (index: number) => string): Part[] {
  return blocks.flatMap((block, i) => {
    const read = readerOf(block.type);
    if (read === undefined) throw untranslatable(block, `${at(i)}.type`);
    return read(block, at(i));
  });
}

/** The texts of content that must be text. */
export function textsOf(
  content: string | readonly Block[],
  param: string,
  typeParam = (i: number) => `${param}[${i}].type`,
): TextPart[] {
  if (typeof content === "string") return textPart(content, param);
  return content.flatMap((block, i) => {
    if (block.type !== "text") throw untranslatable(block, typeParam(i));
    return textPart(block.text, param);
  });
}

/** A 400 for a block without an equivalent in other dialects. */
function untranslatable({ type }: Pick<Block, "type">, param: string) {
  return unsupported(param, `This model's provider has no ${type} blocks`);
}

type Reader = (block: Block, param: string) => Part[];

const readers: Readonly<Record<string, Reader>> = Object.freeze({
  text: ({ text }, param) => textPart(text, param),
  image: imagePart,
  document: documentParts,
  search_result: searchResult,
  tool_reference: quoted,
  // A summary of earlier turns.
  compaction: ({ content }, param) => textPart(typeof content === "string" ? content : "", param),
});

function readerOf(type: string): Reader | undefined {
  if (Object.hasOwn(readers, type)) return readers[type];
  // Written by Anthropic's own tools in earlier turns, such as web_search_tool_result and mcp_tool_use: a
  // rejection would end the conversation.
  return /_tool_(?:use|result)$/.test(type) ? quoted : undefined;
}

function textPart(text: string | null | undefined, param: string): TextPart[] {
  return text ? [{ type: "text", text, param }] : [];
}

function imagePart({ source }: Block, at: string): Part[] {
  const param = `${at}.source`;
  const { type, media_type, data, url } = sourceOf(source, param);
  if (type === "url" && url) return [{ type: "image", url, param }];
  if (type === "base64" && data && media_type) {
    return [{ type: "image", url: `data:${media_type};base64,${data}`, param }];
  }
  throw unsupported(`${param}.type`, "Images must be given as base64 or by url");
}

function documentParts(block: Block, at: string): Part[] {
  const param = `${at}.source`;
  const { type, media_type, data: bytes, content } = sourceOf(block.source, param);
  if (type === "base64" && media_type === "application/pdf" && bytes) {
    const data = `data:application/pdf;base64,${bytes}`;
    return [{ type: "file", data, name: block.title || "document.pdf", param }];
  }
  if (type === "text" && bytes) {
    return framed("document", headOf(block), textPart(bytes, param), param);
  }
  if (type === "content" && content) {
    const inner = typeof content === "string"
      ? textPart(content, param)
      : partsOf(content, (i) => `${param}.content[${i}]`);
    return framed("document", headOf(block), inner, param);
  }
  throw unsupported(`${param}.type`, "Documents must be text, content, or a PDF as base64");
}

type Head = readonly [name: string, text: string | null | undefined][];

function headOf({ title, context }: Block): Head {
  return [["title", title], ["context", context]];
}

function searchResult({ title, source, content }: Block, param: string): Part[] {
  if (typeof source !== "string") throw badRequest(`${param}.source`, "Expected an address");
  const found = Array.isArray(content)
    ? partsOf(content as Block[], (i) => `${param}.content[${i}]`)
    : [];
  return framed("search_result", [["title", title], ["source", source]], found, param);
}

/** A block as its own JSON text. */
function quoted(block: Block, param: string): Part[] {
  const { type, cache_control: _, ...rest } = block as Block & Record<string, unknown>;
  return textPart(`<${type}>\n${toJsonText(rest)}\n</${type}>`, param);
}

/** Content without an equivalent part becomes text between tags. */
function framed(tag: string, head: Head, inner: Part[], param: string): Part[] {
  const lines = head.filter(([, text]) => text).map(([name, text]) => `<${name}>${text}</${name}>`);
  const parts: Part[] = [
    ...textPart([`<${tag}>`, ...lines, ""].join("\n"), param),
    ...inner,
    ...textPart(`\n</${tag}>`, param),
  ];
  return parts.every((part) => part.type === "text")
    ? textPart(parts.map(({ text }) => text).join(""), param)
    : parts;
}

function sourceOf(source: Block["source"], param: string): Source {
  if (typeof source === "object" && source !== null) return source;
  throw badRequest(param, "Expected an object that holds the data or its URL");
}
