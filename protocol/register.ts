/** What a node may say of itself, in either version of the wire. */

import { MAX_MODELS_PER_NODE, MAX_PARALLEL_LIMIT } from "./limits.ts";
import { isModelName, MODEL_NAME_RULE } from "./model_name.ts";

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
  return null;
}
