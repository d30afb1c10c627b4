/** A request's tools and tool choice → Claude's. */

import { withMember } from "../../../protocol/mod.ts";
import { badRequest } from "../bad_request.ts";
import type { ModelRequest, Tool as ModelTool } from "../bridge/model_request.ts";
import { RawJson } from "../raw_json.ts";
import type { ModelFacts } from "./model_facts.ts";
import { claudeSchema } from "./output_schema.ts";
import type { Tool, ToolChoice } from "./wire.ts";

export interface Toolbox {
  tools: Tool[];
  choice: ToolChoice | undefined;
}

/** `canForce`: whether a tool call can be forced with this model and its thinking settings. */
export function toolboxOf(request: ModelRequest, facts: ModelFacts, canForce: boolean): Toolbox {
  checkNames(request.tools);
  const offered = request.tools.map((tool) => toolOf(tool, facts));
  const { tools, choice } = choose(offered, request, canForce);
  return { tools, choice: withParallel(tools, choice, request.parallelCalls) };
}

function toolOf(
  { name, description, schema, isStrict, isCustom, cache }: ModelTool,
  facts: ModelFacts,
): Tool {
  const strict = isStrict && facts.structuredOutput;
  const whole = isCustom ? freeText : objectSchema(schema);
  return {
    name,
    ...(description === null ? {} : { description }),
    input_schema: strict ? claudeSchema(whole.parseExact() as Record<string, unknown>) : whole,
    ...(strict ? { strict: true } : {}),
    ...(cache === undefined ? {} : { cache_control: cache }),
  };
}

/** A free-text tool takes an object with its text. */
const freeText = new RawJson(
  '{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}',
);

/** The schema unchanged, except that Claude requires an object at the top. */
export function objectSchema(schema: RawJson | null): RawJson {
  if (schema === null) return new RawJson('{"type":"object","properties":{}}');
  const { type, properties } = schema.parse() as Record<string, unknown>;
  const typed = type === "object" ? schema.text : withMember(schema.text, "type", '"object"');
  return new RawJson(properties === undefined ? withMember(typed, "properties", "{}") : typed);
}

const NAME = /^[a-zA-Z0-9_-]{1,128}$/;

function checkNames(tools: readonly ModelTool[]): void {
  const seen = new Set<string>();
  for (const { name, param } of tools) {
    if (!NAME.test(name)) {
      throw badRequest(param, "A tool's name is 1 to 128 letters, digits, underscores or hyphens");
    }
    if (seen.has(name)) throw badRequest(param, `Two tools are called "${name}"`);
    seen.add(name);
  }
}

function choose(
  tools: Tool[],
  { toolChoice: wanted }: ModelRequest,
  canForce: boolean,
): { tools: Tool[]; choice: ToolChoice | undefined } {
  if (tools.length === 0 || wanted === null) return { tools, choice: undefined };
  if (wanted.mode === "tool") return chooseOne(tools, wanted.name, canForce);
  const { mode, allowed } = wanted;
  const left = allowed === null ? tools : tools.filter(({ name }) => allowed.includes(name));
  return { tools: left, choice: left.length === 0 ? undefined : modeChoice(mode, canForce) };
}

/** If the tool cannot be forced, it is offered alone. */
function chooseOne(tools: Tool[], name: string, canForce: boolean) {
  const forced: ToolChoice = { type: "tool", name };
  return canForce
    ? { tools, choice: forced }
    : { tools: tools.filter((tool) => tool.name === name), choice: { type: "auto" as const } };
}

function modeChoice(mode: "none" | "auto" | "required", canForce: boolean): ToolChoice {
  if (mode === "none") return { type: "none" };
  return { type: mode === "required" && canForce ? "any" : "auto" };
}

function withParallel(
  tools: readonly Tool[],
  choice: ToolChoice | undefined,
  parallel: boolean | null,
): ToolChoice | undefined {
  if (parallel !== false || tools.length === 0 || choice?.type === "none") return choice;
  return { ...(choice ?? { type: "auto" }), disable_parallel_tool_use: true };
}
