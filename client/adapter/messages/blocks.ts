/** Claude's content blocks → the parts of an OpenAI message. */

import type OpenAI from "openai";
import { badRequest, unsupported } from "../bad_request.ts";
import type { Block, Source } from "./messages_request.ts";

export type Part = OpenAI.ChatCompletionContentPart;

/** A user's or a tool's content as parts, without empty ones. `param` is the content's path. */
export function partsOf(content: string | readonly Block[], param: string): Part[] {
  return typeof content === "string"
    ? textPart(content)
    : content.flatMap((block, i) => partsOfBlock(block, `${param}[${i}]`));
}

/** One block's parts. Throws a 400 that names the block if OpenAI's dialect has no equivalent. */
export function partsOfBlock(block: Block, param: string): Part[] {
  const write = Object.hasOwn(writers, block.type) ? writers[block.type] : undefined;
  if (write === undefined) throw untranslatable(block, param);
  return write(block, param);
}

/** The text of content that must be text. */
export function textOf(content: string | readonly Block[], param: string): string {
  if (typeof content === "string") return content;
  return content.map((block, i) => {
    if (block.type !== "text") throw unsupported(`${param}[${i}].type`, "Expected a text block");
    return block.text ?? "";
  }).filter((text) => text !== "").join("\n\n");
}

/** A 400 for a block without an equivalent in OpenAI's dialect. */
export function untranslatable({ type }: Pick<Block, "type">, param: string) {
  return unsupported(
    `${param}.type`,
    `This model's provider speaks OpenAI's dialect, which has no ${type} blocks`,
  );
}

/** Parts as a message's content: a plain string if possible, which every server accepts. */
export function contentOf(parts: Part[]): string | Part[] {
  const [first] = parts;
  return parts.length === 1 && first?.type === "text" ? first.text : parts;
}

const writers: Readonly<Record<string, (block: Block, param: string) => Part[]>> = Object.freeze({
  text: ({ text }) => textPart(text),
  image: imagePart,
  document: documentParts,
  search_result: searchResult,
});

function textPart(text: string | null | undefined): Part[] {
  return text ? [{ type: "text", text }] : [];
}

function imagePart({ source }: Block, param: string): Part[] {
  const { type, media_type, data, url } = sourceOf(source, `${param}.source`);
  if (type === "url" && url) return [{ type: "image_url", image_url: { url } }];
  if (type === "base64" && data && media_type) {
    return [{ type: "image_url", image_url: { url: `data:${media_type};base64,${data}` } }];
  }
  throw unsupported(`${param}.source.type`, "Images must be given as base64 or by url");
}

function documentParts(block: Block, param: string): Part[] {
  const { type, media_type, data, content } = sourceOf(block.source, `${param}.source`);
  if (type === "base64" && media_type === "application/pdf" && data) {
    const file_data = `data:application/pdf;base64,${data}`;
    return [{ type: "file", file: { filename: block.title || "document.pdf", file_data } }];
  }
  if (type === "text" && data) return framed("document", headOf(block), textPart(data));
  if (type === "content" && content) {
    return framed("document", headOf(block), partsOf(content, `${param}.source.content`));
  }
  throw unsupported(`${param}.source.type`, "Documents must be text, content, or a PDF as base64");
}

function headOf({ title, context }: Block): [string, string | null | undefined][] {
  return [["title", title], ["context", context]];
}

function searchResult({ title, source, content }: Block, param: string): Part[] {
  if (typeof source !== "string") throw badRequest(`${param}.source`, "Expected an address");
  const found = Array.isArray(content) ? partsOf(content as Block[], `${param}.content`) : [];
  return framed("search_result", [["title", title], ["source", source]], found);
}

/** Content without an equivalent part becomes text between tags. */
function framed(
  tag: string,
  head: readonly [name: string, text: string | null | undefined][],
  inner: Part[],
): Part[] {
  const lines = head.filter(([, text]) => text).map(([name, text]) => `<${name}>${text}</${name}>`);
  const parts: Part[] = [
    { type: "text", text: [`<${tag}>`, ...lines, ""].join("\n") },
    ...inner,
    { type: "text", text: `\n</${tag}>` },
  ];
  return parts.every((part) => part.type === "text")
    ? textPart(parts.map(({ text }) => text).join(""))
    : parts;
}

function sourceOf(source: Block["source"], param: string): Source {
  if (typeof source === "object" && source !== null) return source;
  throw badRequest(param, "Expected an object that holds the data or its URL");
}
