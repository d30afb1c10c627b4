/**
 * What a node's program says to people, in pauses and notices. On the wire it is a sentence, which
 * gateways of any version can show; a gateway that finds it here knows its meaning, for texts in
 * other languages. A sentence that was released is never changed: nodes of all versions send it.
 */

/** By code; `{}` stands for a value. */
export const nodeMessages = Object.freeze({
  outside_hours: "outside the owner's hours",
  on_battery: "the machine runs on battery",
  battery_low: "the battery is not above {} %",
  in_use: "the owner uses the machine",
  own_programs: "the owner's own programs come first",
  gpu_memory: "other programs leave less than {} of graphics memory",
  cpu_load: "other programs' load of the processor is not {}",
  tokens_used: "today's tokens are used up",
  calls_used: "this hour's calls are used up",
  paused_by_owner: "the owner has paused the node",
  pause_file: "another program of the owner's asks for a pause",
  first_look: "the node looks at the machine first",
  unknown_power: "the node cannot tell whether the machine is on mains",
  unknown_use: "the node cannot tell whether the machine is in use",
  unknown_programs: "the node cannot tell which programs run",
  unknown_gpu_memory: "the node cannot tell how much graphics memory other programs use",
  unknown_cpu_load: "the node cannot tell how busy the processor is",
  config_refused: "config.yaml was changed and cannot be used, the one before stays in use: {}",
  /** The gateway's own, where a node has given more reasons in a day than are kept. */
  other: "other reasons",
});

export type NodeMessageCode = keyof typeof nodeMessages;

/** A sentence by its meaning. */
export interface NodeMessage {
  code: NodeMessageCode;
  /** In place of `{}`; null: the sentence has none. */
  value: string | null;
}

/** The sentence of the code, with a value where it has one. */
export function nodeMessage(code: NodeMessageCode, value: string | number = ""): string {
  return nodeMessages[code].replace("{}", () => String(value));
}

/** What a sentence means; null: it is in some program's own words. */
export function readNodeMessage(text: string): NodeMessage | null {
  for (const { code, start, end } of parts) {
    if (end === null) {
      if (text === start) return { code, value: null };
    } else if (text.startsWith(start) && text.endsWith(end)) {
      const value = text.slice(start.length, text.length - end.length);
      if (value !== "") return { code, value };
    }
  }
  return null;
}

const parts = Object.entries(nodeMessages).map(([code, sentence]) => {
  const [start = "", end = null] = sentence.split("{}");
  return { code: code as NodeMessageCode, start, end };
});
