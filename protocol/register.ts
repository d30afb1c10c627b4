/** Checks what a node announces about itself, in either version of the wire. */

import { isObject } from "./checks.ts";
import { MAX_MODELS_PER_NODE, MAX_PARALLEL_LIMIT } from "./limits.ts";
import { isModelName, MODEL_NAME_RULE } from "./model_name.ts";
import { isVisibleName, VISIBLE_NAME_RULE } from "./visible_name.ts";

const MAX_TEXT_CHARS = 200;

/** What is wrong with a REGISTER's data, or null. */
export function registerProblem(data: Record<string, unknown>): string | null {
  const { max_parallel, models } = data;
  if (!Number.isSafeInteger(max_parallel) || (max_parallel as number) < 1) {
    return "max_parallel must be a whole number of 1 or more";
  }
  if ((max_parallel as number) > MAX_PARALLEL_LIMIT) {
    return `max_parallel must be at most ${MAX_PARALLEL_LIMIT}`;
  }
  if (!Array.isArray(models)) return "models must be a list of names";
  if (models.length > MAX_MODELS_PER_NODE) return `more than ${MAX_MODELS_PER_NODE} models`;
  if (!models.every(isModelName)) {
    return `a model's name must be ${MODEL_NAME_RULE}`;
  }
  for (const field of ["node_id", "name", "agent"]) {
    const text = data[field];
    if (text !== undefined && !(typeof text === "string" && text.length <= MAX_TEXT_CHARS)) {
      return `${field} must be text of at most ${MAX_TEXT_CHARS} characters`;
    }
  }
  // These two are shown to everybody; an empty one is like none.
  for (const field of ["name", "agent"]) {
    const text = data[field];
    if (typeof text === "string" && text !== "" && !isVisibleName(text)) {
      return `${field} must be ${VISIBLE_NAME_RULE}`;
    }
  }
  return null;
}

/** The longest list of endpoints of one model. */
const MAX_ENDPOINTS = 50;

/** What is wrong with the `capabilities` of a REGISTER or STATUS, or null. Unknown members pass. */
export function capabilitiesProblem(capabilities: unknown): string | null {
  if (capabilities === undefined) return null;
  if (!isObject(capabilities)) return "capabilities must be an object by model";
  for (const [model, facts] of Object.entries(capabilities)) {
    const problem = factsProblem(facts);
    if (problem !== null) {
      return `capabilities of ${JSON.stringify(model.slice(0, 50))}: ${problem}`;
    }
  }
  return null;
}

function factsProblem(facts: unknown): string | null {
  if (!isObject(facts)) return "must be an object";
  const { endpoints } = facts;
  if (endpoints !== undefined && !isListOfPaths(endpoints)) {
    return `endpoints must be a list of at most ${MAX_ENDPOINTS} paths`;
  }
  for (const name of ["context_length", "max_output_tokens"]) {
    const count = facts[name];
    if (count !== undefined && !(Number.isSafeInteger(count) && (count as number) > 0)) {
      return `${name} must be a whole number of 1 or more`;
    }
  }
  for (const flag of ["tools", "vision", "thinking", "loaded"]) {
    if (facts[flag] !== undefined && typeof facts[flag] !== "boolean") {
      return `${flag} must be true or false`;
    }
  }
  return null;
}

function isListOfPaths(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MAX_ENDPOINTS &&
    value.every((path) => typeof path === "string" && path.length <= MAX_TEXT_CHARS);
}
