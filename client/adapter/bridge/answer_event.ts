/**
 * An answer in no dialect: the events that every dialect's reader produces and every dialect's writer
 * takes.
 */

export type AnswerEvent =
  /** First, once. */
  | { type: "start"; id: string | null }
  | { type: "text"; text: string }
  | { type: "refusal"; text: string }
  | { type: "reasoning"; text: string }
  /** A tool call begins. `call` counts the calls from 0; an empty id: the provider sent none. */
  | { type: "call"; call: number; id: string; name: string; isCustom: boolean }
  /** More of a call's arguments; all of a custom call's text at once. */
  | { type: "arguments"; call: number; text: string }
  /** A thinking block as the provider wants it back; follows its reasoning. */
  | { type: "thinking"; block: Record<string, unknown> }
  | { type: "citation"; citation: WebCitation }
  | { type: "usage"; usage: TokenUsage }
  /** Last, once; usage may come before only. */
  | Ending;

export interface Ending {
  type: "end";
  reason: EndReason;
  /** The requested stop sequence that ended the answer, if the provider names it. */
  stopSequence: string | null;
  /** Why the model refused, if the provider says so apart from the answer. */
  explanation: string | null;
}

export type EndReason = "stop" | "length" | "calls" | "refusal";

/** A web page that a text refers to, by the text's characters. */
export interface WebCitation {
  url: string;
  title: string;
  start: number;
  end: number;
}

/** Cached tokens are part of the prompt, reasoning tokens of the completion. */
export interface TokenUsage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  cacheWriteTokens: number;
  /** Null: not reported. */
  reasoningTokens: number | null;
}

export interface Answer {
  id: string | null;
  /** In order of appearance. */
  parts: AnswerPart[];
  thinking: Record<string, unknown>[];
  citations: WebCitation[];
  usage: TokenUsage | null;
  end: Ending;
}

export type AnswerPart =
  | { type: "text" | "refusal"; text: string }
  | { type: "reasoning"; text: string; signed: Record<string, unknown>[] }
  | { type: "call"; id: string; name: string; isCustom: boolean; argumentsText: string };

const noEnd: Ending = { type: "end", reason: "stop", stopSequence: null, explanation: null };

/** Gathers an answer's events. */
export async function gatherAnswer(events: AsyncIterable<AnswerEvent>): Promise<Answer> {
  const answer: Answer = {
    id: null,
    parts: [],
    thinking: [],
    citations: [],
    usage: null,
    end: noEnd,
  };
  const calls: Extract<AnswerPart, { type: "call" }>[] = [];
  for await (const event of events) {
    switch (event.type) {
      case "start":
        answer.id = event.id;
        break;
      case "text":
      case "refusal":
        appendText(answer.parts, event.type, event.text);
        break;
      case "reasoning":
        unsigned(answer.parts).text += event.text;
        break;
      case "call": {
        const { id, name, isCustom } = event;
        const part = { type: "call" as const, id, name, isCustom, argumentsText: "" };
        answer.parts.push(part);
        calls[event.call] = part;
        break;
      }
      case "arguments":
        calls[event.call]!.argumentsText += event.text;
        break;
      case "thinking":
        answer.thinking.push(event.block);
        unsigned(answer.parts).signed.push(event.block);
        break;
      case "citation":
        answer.citations.push(event.citation);
        break;
      case "usage":
        answer.usage = event.usage;
        break;
      case "end":
        answer.end = event;
    }
  }
  return answer;
}

function appendText(
  parts: AnswerPart[],
  type: "text" | "refusal",
  text: string,
): void {
  if (text === "") return;
  const last = parts.at(-1);
  if (last?.type === type) last.text += text;
  else parts.push({ type, text });
}

/** The reasoning that the answer's parts end with; begun if there is none, or if it is signed. */
function unsigned(parts: AnswerPart[]): Extract<AnswerPart, { type: "reasoning" }> {
  const last = parts.at(-1);
  if (last?.type === "reasoning" && last.signed.length === 0) return last;
  const begun = { type: "reasoning" as const, text: "", signed: [] };
  parts.push(begun);
  return begun;
}
