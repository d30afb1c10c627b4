/** Claude's tools and tool choice → OpenAI's. */

import type OpenAI from "openai";
import { badRequest, unsupported } from "../bad_request.ts";
import type { MessagesRequest } from "./messages_request.ts";

type ChatTools = Pick<
  OpenAI.ChatCompletionCreateParams,
  "tools" | "tool_choice" | "parallel_tool_calls"
>;

/** Throws a 400 for tools that only Anthropic's servers can run. */
export function toolsOf({ tools, tool_choice: choice }: MessagesRequest): ChatTools {
  if (!tools?.length) return {};
  const functions = tools.map(functionOf);
  if (!choice) return { tools: functions };
  return {
    tools: functions,
    tool_choice: choiceOf(choice, functions),
    ...(choice.disable_parallel_tool_use ? { parallel_tool_calls: false } : {}),
  };
}

function functionOf(
  { type, name, description, input_schema, strict }: NonNullable<MessagesRequest["tools"]>[number],
  i: number,
): OpenAI.ChatCompletionFunctionTool {
  if (type && type !== "custom") {
    throw unsupported(
      `tools[${i}].type`,
      `This model's provider speaks OpenAI's dialect, which has no ${type} tools`,
    );
  }
  return {
    type: "function",
    function: {
      name,
      ...(description ? { description } : {}),
      parameters: input_schema ?? { type: "object", properties: {} },
      ...(strict ? { strict } : {}),
    },
  };
}

function choiceOf(
  { type, name }: NonNullable<MessagesRequest["tool_choice"]>,
  tools: readonly OpenAI.ChatCompletionFunctionTool[],
): OpenAI.ChatCompletionToolChoiceOption {
  if (type === "any") return "required";
  if (type !== "tool") return type;
  if (!name || !tools.some((tool) => tool.function.name === name)) {
    throw badRequest("tool_choice.name", `tool_choice names ${name ?? "no tool"}, not in tools`);
  }
  return { type: "function", function: { name } };
}
