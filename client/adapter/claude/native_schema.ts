/** Decides which JSON Schemas Claude's structured output supports. */

import { isObject } from "../json_object.ts";

type Schema = Record<string, unknown>;

/** Claude rejects a schema with more optional properties. */
const MAX_OPTIONAL_PROPERTIES = 24;
/** No real schema has more; following them all would take too long. */
const MAX_REFERENCES = 1_000;

/**
 * Claude rejects recursive schemas and those with many optional properties, and generates only the
 * empty object for one with arbitrary keys.
 */
export function isNative(schema: Schema): boolean {
  const all = [...schemasIn(schema)];
  const optional = all.reduce((sum, each) => sum + optionalProperties(each), 0);
  return optional <= MAX_OPTIONAL_PROPERTIES && !all.some(isOpenMap) && !isRecursive(schema);
}

/** Every object in a schema, including itself. */
function* schemasIn(value: unknown): Generator<Schema> {
  if (typeof value !== "object" || value === null) return;
  if (isObject(value)) yield value;
  for (const inner of Object.values(value)) yield* schemasIn(inner);
}

function optionalProperties({ properties, required }: Schema): number {
  const names = isObject(properties) ? Object.keys(properties) : [];
  const wanted = new Set(Array.isArray(required) ? required : []);
  return names.filter((name) => !wanted.has(name)).length;
}

function isOpenMap({ type, properties, additionalProperties: others }: Schema): boolean {
  if (type !== "object") return false;
  const isEmpty = !isObject(properties) || Object.keys(properties).length === 0;
  return isObject(others) || (isEmpty && others !== false);
}

/** Whether following the references reaches one that is being followed. */
function isRecursive(root: Schema): boolean {
  const finished = new Set<string>();
  const followed = new Set<string>();
  const leadsBack = (ref: string): boolean => {
    if (followed.has(ref) || finished.size > MAX_REFERENCES) return true;
    if (finished.has(ref)) return false;
    followed.add(ref);
    const isLoop = referencesIn(resolve(root, ref)).some(leadsBack);
    followed.delete(ref);
    finished.add(ref);
    return isLoop;
  };
  return referencesIn(root).some(leadsBack);
}

function referencesIn(value: unknown): string[] {
  const references = [...schemasIn(value)].map(({ $ref }) => $ref);
  return [...new Set(references.filter((ref) => typeof ref === "string"))];
}

/** The target of a reference; undefined if it is not in this document. */
function resolve(root: Schema, ref: string): unknown {
  if (!ref.startsWith("#")) return undefined;
  const steps = ref.slice(1).split("/").filter((step) => step !== "");
  return steps.reduce<unknown>(
    (inner, step) =>
      isObject(inner) ? inner[step.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined,
    root,
  );
}
