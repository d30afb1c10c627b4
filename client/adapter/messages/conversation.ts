/** Claude's turns → OpenAI's messages, with tool results, calls and thinking in OpenAI's places. */

import type OpenAI from "openai";
import { badRequest } from "../bad_request.ts";
import { contentOf, type Part, partsOf, partsOfBlock, textOf, untranslatable } from "./blocks.ts";
import type { Block, MessagesRequest } from "./messages_request.ts";

/** An assistant's message with its reasoning, for providers that accept it. */
type AssistantMessage = OpenAI.ChatCompletionAssistantMessageParam & { reasoning_content?: string };
export type ChatMessage =
  | Exclude<OpenAI.ChatCompletionMessageParam, { role: "assistant" }>
  | AssistantMessage;

/** `echoThinking`: whether the provider accepts past reasoning. Throws a 400 that names a block. */
export function conversationOf(
  { system, messages }: Pick<MessagesRequest, "system" | "messages">,
  echoThinking: boolean,
): ChatMessage[] {
  const prompt = systemMessage(textOf(system ?? "", "system"));
  const turns = mergedTurns(messages).flatMap(({ role, blocks }) => {
    if (role === "system") return systemMessage(blocks.map(systemText).join("\n\n"));
    return role === "user" ? userMessages(blocks) : assistantMessage(blocks, echoThinking);
  });
  return [...prompt, ...turns];
}

/** A block and its path in the request. */
interface Placed {
  block: Block;
  param: string;
}

interface MergedTurn {
  role: MessagesRequest["messages"][number]["role"];
  blocks: Placed[];
}

/** Merges neighbours of one role: Claude treats them as one turn, and many servers reject them. */
function mergedTurns(messages: MessagesRequest["messages"]): MergedTurn[] {
  const turns: MergedTurn[] = [];
  messages.forEach(({ role, content }, i) => {
    const param = `messages[${i}].content`;
    const blocks = typeof content === "string"
      ? [{ block: { type: "text", text: content } as Block, param }]
      : content.map((block, n) => ({ block, param: `${param}[${n}]` }));
    const last = turns.at(-1);
    if (last?.role === role) last.blocks.push(...blocks);
    else turns.push({ role, blocks });
  });
  return turns;
}

function systemMessage(content: string): ChatMessage[] {
  return content === "" ? [] : [{ role: "system", content }];
}

function systemText({ block, param }: Placed): string {
  if (block.type !== "text") throw untranslatable(block, param);
  return block.text ?? "";
}

/** Every tool result is its own message, before the rest of the user's turn. */
function userMessages(blocks: readonly Placed[]): ChatMessage[] {
  const results: ChatMessage[] = [];
  const attached: Part[] = [];
  const own: Part[] = [];
  for (const { block, param } of blocks) {
    if (block.type !== "tool_result") {
      own.push(...partsOfBlock(block, param));
      continue;
    }
    const { message, attachments } = toolMessage(block, param);
    results.push(message);
    attached.push(...attachments);
  }
  const content = [...attached, ...own];
  return content.length === 0
    ? results
    : [...results, { role: "user", content: contentOf(content) }];
}

/** A tool result as text, the only form in OpenAI's dialect. Images and files become the user's. */
function toolMessage(block: Block, param: string): { message: ChatMessage; attachments: Part[] } {
  const { tool_use_id: id, content, is_error: isError } = block;
  if (!id) throw badRequest(`${param}.tool_use_id`, "A tool_result names the call that it answers");
  const parts = isText(content) ? partsOf(content, `${param}.content`) : [];
  const texts = parts.filter((part) => part.type === "text").map(({ text }) => text);
  const attachments = parts.filter(({ type }) => type !== "text");
  if (attachments.length > 0) {
    texts.push("(What this tool showed follows in the next message.)");
    attachments.unshift({ type: "text", text: `Shown by the tool call ${id}:` });
  }
  const text = texts.join("\n");
  return {
    message: { role: "tool", tool_call_id: id, content: isError ? `Error: ${text}` : text },
    attachments,
  };
}

function assistantMessage(blocks: readonly Placed[], echoThinking: boolean): ChatMessage[] {
  const text: string[] = [];
  const thoughts: string[] = [];
  const calls: OpenAI.ChatCompletionMessageFunctionToolCall[] = [];
  for (const { block, param } of blocks) {
    switch (block.type) {
      case "text":
        text.push(block.text ?? "");
        break;
      case "thinking":
        thoughts.push(block.thinking ?? "");
        break;
      case "redacted_thinking":
        // Only Anthropic can decrypt it.
        break;
      case "tool_use":
        calls.push(toolCall(block, param));
        break;
      default:
        throw untranslatable(block, param);
    }
  }
  const content = text.join("");
  const reasoning = echoThinking ? thoughts.join("\n") : "";
  if (content === "" && calls.length === 0) return [];
  return [{
    role: "assistant",
    content: content === "" ? null : content,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }];
}

function toolCall({ id, name, input }: Block, param: string) {
  if (!id) throw badRequest(`${param}.id`, "A tool_use has an id that its result can name");
  if (!name) throw badRequest(`${param}.name`, "A tool_use names its tool");
  return {
    id,
    type: "function" as const,
    function: { name, arguments: JSON.stringify(input ?? {}) },
  };
}

function isText(content: Block["content"]): content is string | Block[] {
  return typeof content === "string" || Array.isArray(content);
}
