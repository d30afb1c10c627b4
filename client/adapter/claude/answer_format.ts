/** The requested format of the answer → Claude's structured output. */

import type { ModelRequest } from "../bridge/model_request.ts";
import { RawJson } from "../raw_json.ts";
import type { ModelFacts } from "./model_facts.ts";
import { isNative } from "./native_schema.ts";
import { claudeSchema } from "./output_schema.ts";
import { objectSchema, type Toolbox } from "./tools.ts";
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
  { format, tools }: ModelRequest,
  facts: ModelFacts,
  canForce: boolean,
): AnswerFormat {
  const none: AnswerFormat = { config: {}, instructions: [], jsonTool: null };
  if (format === null) return none;
  if (format.type === "json_object") return { ...none, instructions: [instruction()] };
  const schema = format.schema ?? new RawJson('{"type":"object"}');
  const parsed = schema.parseExact() as Record<string, unknown>;
  if (facts.structuredOutput && isNative(parsed)) {
    return { ...none, config: { format: { type: "json_schema", schema: claudeSchema(parsed) } } };
  }
  if (tools.length > 0 || !canForce) return { ...none, instructions: [instruction(schema)] };
  const name = "json";
  return {
    ...none,
    jsonTool: name,
    toolbox: {
      tools: [{ name, description: "Gives the answer.", input_schema: objectSchema(schema) }],
      choice: { type: "tool", name, disable_parallel_tool_use: true },
    },
  };
}

function instruction(schema?: RawJson): Block {
  const shape = schema ? ` that fits this JSON Schema: ${schema.text}` : "";
  return { type: "text", text: `Answer with one valid JSON object${shape}, and nothing else.` };
}
