/** Repairs a whole chat completion as ChunkStream repairs a streamed one. */

import { isObject, type Json } from "../json_object.ts";
import { toJsonText } from "../raw_json.ts";
import { checkFinishReason } from "./finish_reason.ts";
import { repairable, repairMessage } from "./message_repair.ts";

/** Returns the text unchanged if nothing is wrong. Throws an UpstreamFailure that a finish reason reports. */
export function repairCompletion(text: string, parsed: Json): string {
  const answer = repairable(text, parsed);
  const choices = Array.isArray(answer.choices) ? answer.choices.filter(isObject) : [];
  const repaired = choices.map((choice, position) => {
    checkFinishReason(choice.finish_reason);
    const isNumbered = typeof choice.index === "number";
    if (!isNumbered) choice.index = position;
    return isObject(choice.message) && repairMessage(choice.message, true) || !isNumbered;
  });
  return repaired.some(Boolean) ? toJsonText(answer) : text;
}
