/** JSON Schema as Claude's structured output takes it: what it refuses moves into the description. */

type Schema = Record<string, unknown>;

/** Keywords that Claude does not check. Told to the model in words, so that nothing is lost in silence. */
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

/** The same schema, closed and without what Claude refuses. */
export function claudeSchema(schema: Schema): Schema {
  const out: Schema = {};
  const dropped: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (UNCHECKED.has(key) || (key === "format" && !FORMATS.has(value))) {
      dropped.push(`${key}: ${JSON.stringify(value)}`);
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
  if (mapKeys.has(key) && isSchema(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, sub]) => [name, schemaOr(sub)]));
  }
  return key === "items" ? schemaOr(value) : value;
}

function schemaOr(value: unknown): unknown {
  return isSchema(value) ? claudeSchema(value) : value;
}

function isObjectSchema({ type, properties }: Schema): boolean {
  return type === "object" || isSchema(properties) ||
    (Array.isArray(type) && type.includes("object"));
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
