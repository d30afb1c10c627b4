/** JSON Schema → the subset of Claude's structured output; rejected keywords move into the description. */

import { isObject } from "../json_object.ts";
import { RawJson, toJsonText } from "../raw_json.ts";

type Schema = Record<string, unknown>;

/** Keywords that Claude does not enforce; the model reads them in the description instead. */
const UNCHECKED: ReadonlySet<string> = new Set([
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "not",
]);

const FORMATS: ReadonlySet<unknown> = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid",
]);

/** The schema with closed objects and without rejected keywords. */
export function claudeSchema(schema: Schema): Schema {
  const out: Schema = {};
  const dropped: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (UNCHECKED.has(key) || (key === "format" && !FORMATS.has(value))) {
      dropped.push(`${key}: ${toJsonText(value)}`);
    } else {
      out[key === "oneOf" ? "anyOf" : key] = inner(key, value);
    }
  }
  if (isObjectSchema(schema)) out.additionalProperties = false;
  if (dropped.length > 0) {
    out.description = [schema.description, dropped.join(", ")].filter(Boolean).join(" ");
  }
  return out;
}

const listKeys: ReadonlySet<string> = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const mapKeys: ReadonlySet<string> = new Set(["properties", "$defs", "definitions"]);

function inner(key: string, value: unknown): unknown {
  if (listKeys.has(key) && Array.isArray(value)) return value.map(schemaOr);
  if (mapKeys.has(key) && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, sub]) => [name, schemaOr(sub)]));
  }
  return key === "items" ? schemaOr(value) : value;
}

function schemaOr(value: unknown): unknown {
  return isObject(value) && !(value instanceof RawJson) ? claudeSchema(value) : value;
}

function isObjectSchema({ type, properties }: Schema): boolean {
  return type === "object" || isObject(properties) ||
    (Array.isArray(type) && type.includes("object"));
}
