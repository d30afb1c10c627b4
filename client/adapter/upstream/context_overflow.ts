/** Recognises prompts that exceed the model's context, in the words of many servers. */

import type { UpstreamErrorObject } from "../adapter.ts";

/** The code that OpenAI's clients look for. */
export const CONTEXT_OVERFLOW = "context_length_exceeded";

const WORDS: readonly RegExp[] = [
  // Anthropic.
  /prompt is too long/i,
  // OpenAI, vLLM, SGLang, xAI.
  /maximum (?:context|prompt) length/i,
  /longer than the maximum model length/i,
  /longer than the (?:model's )?(?:maximum )?context/i,
  // llama.cpp, LM Studio, Ollama.
  /exceeds? the (?:available |model'?s? )?context (?:size|length|window)/i,
  /(?:input|prompt)(?: length)? exceeds (?:the )?(?:maximum |max )?(?:context|input|model)/i,
  /context (?:length|window|size) (?:of|is|was) (?:exceeded|only|\d+)/i,
  /context[ _](?:length|window|size) exceeded/i,
  /greater than the context length/i,
  // Moonshot, GitHub Copilot, Text Generation Inference.
  /exceeded model token limit/i,
  /prompt token count\b.* exceeds the limit/i,
  /`?inputs`? tokens \+ `?max_new_tokens`? must be/i,
  // Mistral, Gemini.
  /too large for model with \d+ maximum context/i,
  /token count\b.* exceeds the maximum number of tokens/i,
];

/** Whether the error says that the prompt is too long for the model. */
export function isContextOverflow({ message, type, code }: UpstreamErrorObject): boolean {
  if (code === CONTEXT_OVERFLOW || type === "exceed_context_size_error") return true;
  if (!WORDS.some((words) => words.test(message))) return false;
  const { prompt, maximum } = tokensIn(message);
  // The prompt fits, and only the requested answer does not.
  return prompt === null || maximum === null || prompt > maximum;
}

/** The error in Anthropic's words, on which its clients compact the conversation. */
export function promptTooLong(message: string): string {
  if (/prompt is too long/i.test(message)) return message;
  const { prompt, maximum } = tokensIn(message);
  return prompt === null || maximum === null
    ? `prompt is too long: ${message}`
    : `prompt is too long: ${prompt} tokens > ${maximum} maximum`;
}

/** The prompt's tokens and the context's, where a message names both. */
function tokensIn(message: string): { prompt: number | null; maximum: number | null } {
  const find = (...patterns: RegExp[]) => {
    const found = patterns.map((pattern) => pattern.exec(message)?.[1]).find(Boolean);
    return found === undefined ? null : Number(found.replaceAll(",", ""));
  };
  return {
    prompt: find(
      /([\d,]+) (?:input tokens|in the (?:messages|prompt))/i,
      /(?:request|prompt|input)\D{0,12}\(?([\d,]+) tokens/i,
      /(?:resulted in|requested|contains|has) ([\d,]+)/i,
      /(?:token count|first) \(?([\d,]+)/i,
      /([\d,]+) tokens? (?:>|exceed|from)/i,
      /\(length ([\d,]+)\) is longer/i,
      /token count of ([\d,]+)/i,
      /\(requested: ([\d,]+)\)/i,
      /given: ([\d,]+) `?inputs/i,
    ),
    maximum: find(
      /maximum (?:context|prompt|model) length (?:is|of) ([\d,]+)/i,
      /context (?:size|length|window)\D{0,12}\(?([\d,]+)/i,
      /([\d,]+) maximum context/i,
      /tokens allowed \(?([\d,]+)/i,
      /> ([\d,]+) max/i,
      /exceeds the limit of ([\d,]+)/i,
      /model token limit: ([\d,]+)/i,
      /must be <= ([\d,]+)/i,
    ),
  };
}
