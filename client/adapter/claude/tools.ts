/** OpenAI's tools and tool choice → Claude's. */

import { badRequest, unsupported } from "../bad_request.ts";
import type { ChatRequest } from "./chat_request.ts";
import { cacheControl } from "./content.ts";
import type { ModelFacts } from "./model_facts.ts";
import { claudeSchema } from "./output_schema.ts";
import type { Tool, ToolChoice } from "./wire.ts";

export interface Toolbox {
  tools: Tool[];
  choice: ToolChoice | undefined;
  /** Free-text tools: their input is wrapped for Claude and unwrapped in the answer. */
  customNames: ReadonlySet<string>;
}

/** `canForce`: whether a tool call can be forced with this model and its thinking settings. */
export function toolboxOf(request: ChatRequest, facts: ModelFacts, canForce: boolean): Toolbox {
  const offered = [...toolsOf(request, facts), ...functionsOf(request)];
  checkNames(offered, request);
  const { tools, choice } = choose(offered, request, canForce);
  return { tools, choice: withParallel(tools, choice, request), customNames: customNames(request) };
}

function toolsOf({ tools }: ChatRequest, facts: ModelFacts): Tool[] {
  return (tools ?? []).map((tool, i) => {
    const control = cacheControl(tool);
    const hint = control === undefined ? {} : { cache_control: control };
    if (tool.function) {
      const { name, description, parameters, strict } = tool.function;
      const isStrict = strict === true && facts.structuredOutput;
      return {
        name,
        ...(description ? { description } : {}),
        input_schema: isStrict ? claudeSchema(objectSchema(parameters)) : objectSchema(parameters),
        ...(isStrict ? { strict: true } : {}),
        ...hint,
      };
    }
    if (tool.custom) return { ...customTool(tool.custom, `tools[${i}]`), ...hint };
    if (tool.type === "function" || tool.type === "custom") {
      throw badRequest(`tools[${i}].${tool.type}`, `The tool has no ${tool.type}`);
    }
    throw unsupported(`tools[${i}].type`, `Claude nodes do not offer ${tool.type} tools`);
  });
}

const NAME = /^[a-zA-Z0-9_-]{1,128}$/;

function checkNames(tools: Tool[], request: ChatRequest): void {
  const count = request.tools?.length ?? 0;
  const seen = new Set<string>();
  tools.forEach(({ name }, i) => {
    const param = i < count ? `tools[${i}]` : `functions[${i - count}]`;
    if (!NAME.test(name)) {
      throw badRequest(param, "A tool's name is 1 to 128 letters, digits, underscores or hyphens");
    }
    if (seen.has(name)) throw badRequest(param, `Two tools are called "${name}"`);
    seen.add(name);
  });
}

/** The deprecated form of tools, before 2023-11. */
function functionsOf({ functions }: ChatRequest): Tool[] {
  return (functions ?? []).map(({ name, description, parameters }) => ({
    name,
    ...(description ? { description } : {}),
    input_schema: objectSchema(parameters),
  }));
}

function customTool(
  { name, description, format }: { name: string; description?: unknown; format?: unknown },
  param: string,
): Tool {
  if ((format as { type?: string } | null | undefined)?.type === "grammar") {
    throw unsupported(`${param}.custom.format`, "Claude cannot follow a grammar");
  }
  const input_schema = {
    type: "object",
    properties: { input: { type: "string" } },
    required: ["input"],
  };
  return { name, ...(description ? { description: String(description) } : {}), input_schema };
}

/** The schema unchanged, except that Claude requires an object at the top. */
function objectSchema(parameters: Record<string, unknown> | null | undefined) {
  return { properties: {}, ...parameters, type: "object" };
}

function choose(
  tools: Tool[],
  request: ChatRequest,
  canForce: boolean,
): { tools: Tool[]; choice: ToolChoice | undefined } {
  // `function_call` is the deprecated form.
  const wanted = request.tool_choice ?? request.function_call;
  if (tools.length === 0 || !wanted) return { tools, choice: undefined };
  if (typeof wanted === "string") return { tools, choice: modeChoice(wanted, canForce) };
  if (wanted.allowed_tools) {
    const names = (wanted.allowed_tools.tools ?? []).map(nameOf);
    const allowed = tools.filter(({ name }) => names.includes(name));
    return {
      tools: allowed,
      choice: allowed.length === 0
        ? undefined
        : modeChoice(wanted.allowed_tools.mode ?? "auto", canForce),
    };
  }
  return chooseOne(tools, nameOf(wanted), canForce);
}

/** If the tool cannot be forced, it is offered alone. */
function chooseOne(tools: Tool[], name: string | undefined, canForce: boolean) {
  const only = tools.filter((tool) => tool.name === name);
  if (name === undefined || only.length === 0) {
    throw badRequest(
      "tool_choice",
      `tool_choice names ${name ?? "no tool"}, which is not in tools`,
    );
  }
  const forced: ToolChoice = { type: "tool", name };
  return canForce ? { tools, choice: forced } : { tools: only, choice: { type: "auto" as const } };
}

function modeChoice(mode: string, canForce: boolean): ToolChoice {
  if (mode === "none") return { type: "none" };
  return { type: mode === "required" && canForce ? "any" : "auto" };
}

function withParallel(
  tools: Tool[],
  choice: ToolChoice | undefined,
  { parallel_tool_calls: parallel }: ChatRequest,
): ToolChoice | undefined {
  if (parallel !== false || tools.length === 0 || choice?.type === "none") return choice;
  return { ...(choice ?? { type: "auto" }), disable_parallel_tool_use: true };
}

function nameOf(choice: {
  name?: string | null | undefined;
  function?: { name: string } | null | undefined;
  custom?: { name: string } | null | undefined;
}): string | undefined {
  return choice.function?.name ?? choice.custom?.name ?? choice.name ?? undefined;
}

function customNames({ tools }: ChatRequest): ReadonlySet<string> {
  return new Set((tools ?? []).flatMap(({ custom }) => custom ? [custom.name] : []));
}
