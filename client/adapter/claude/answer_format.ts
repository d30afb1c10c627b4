/** OpenAI's `response_format` → Claude's structured output. */

import { badRequest, unsupported } from "../bad_request.ts";
import type { ChatRequest } from "./chat_request.ts";
import type { ModelFacts } from "./model_facts.ts";
import { isNative } from "./native_schema.ts";
import { claudeSchema } from "./output_schema.ts";
import type { Toolbox } from "./tools.ts";
import type { Block } from "./wire.ts";

/** The parts of a Claude request that ask for a format. */
export interface AnswerFormat {
  config: Record<string, unknown>;
  instructions: Block[];
  toolbox?: Toolbox;
  /** The tool whose input is the answer itself. */
  jsonTool: string | null;
}

/** Native structured output if the model supports it, else a tool that it must call, else instructions. */
export function answerFormat(
  chat: ChatRequest,
  facts: ModelFacts,
  canForce: boolean,
): AnswerFormat {
  const none: AnswerFormat = { config: {}, instructions: [], jsonTool: null };
  const { response_format: format } = chat;
  if (format) checkFormat(format);
  if (format?.type === "json_object") return { ...none, instructions: [instruction()] };
  if (format?.type !== "json_schema") return none;
  const schema = format.json_schema?.schema ?? { type: "object" };
  if (facts.structuredOutput && isNative(schema)) {
    const native = { format: { type: "json_schema", schema: claudeSchema(schema) } };
    return { ...none, config: native };
  }
  if (chat.tools?.length || !canForce) return { ...none, instructions: [instruction(schema)] };
  const name = "json";
  return {
    ...none,
    jsonTool: name,
    toolbox: {
      tools: [{
        name,
        description: "Gives the answer.",
        input_schema: { ...schema, type: "object" },
      }],
      choice: { type: "tool", name, disable_parallel_tool_use: true },
      customNames: new Set(),
    },
  };
}

const FORMATS: readonly string[] = ["text", "json_object", "json_schema"];

function checkFormat({ type, json_schema }: NonNullable<ChatRequest["response_format"]>): void {
  if (!FORMATS.includes(type)) {
    throw unsupported(
      "response_format.type",
      `Claude answers in ${FORMATS.join(", ")}, not ${type}`,
    );
  }
  if (type === "json_schema" && !json_schema) {
    throw badRequest("response_format.json_schema", "response_format has no json_schema");
  }
}

function instruction(schema?: object): Block {
  const shape = schema ? ` that fits this JSON Schema: ${JSON.stringify(schema)}` : "";
  return { type: "text", text: `Answer with one valid JSON object${shape}, and nothing else.` };
}
