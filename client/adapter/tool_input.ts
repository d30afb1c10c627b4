/** A tool call's arguments: text in OpenAI's dialects, an object in Claude's. */

import { isObject } from "./json_object.ts";
import { RawJson } from "./raw_json.ts";

/**
 * The arguments as the JSON text of an object, exact. A model may generate anything: other values are
 * wrapped, never rejected.
 */
export function toolInput(argumentsText: string | null | undefined): RawJson {
  const text = argumentsText?.trim();
  if (!text) return new RawJson("{}");
  try {
    return new RawJson(isObject(JSON.parse(text)) ? text : `{"value":${text}}`);
  } catch {
    return new RawJson(JSON.stringify({ arguments: argumentsText }));
  }
}
