/** How each dialect's text tells that tokens pass by, why an answer ended, and what it cost. */

import { Endpoint } from "../../protocol/mod.ts";

export interface Signs {
  /** An event that carries text, thoughts or tool arguments. */
  tokens: RegExp;
  /** Why the answer ended: the first group. */
  finishReason: RegExp;
  /** What must be parsed to be counted: usage, or a stored response's id. */
  account: RegExp;
}

const NEVER = /(?!)/;
const USAGE = /"usage"\s*:\s*\{/;

const chunkSigns: Signs = {
  tokens: /"(?:content|text|reasoning|reasoning_content|refusal|arguments)"\s*:\s*"[^"]/,
  finishReason: /"finish_reason"\s*:\s*"(\w+)"/,
  account: USAGE,
};

const wholeSigns: Signs = { tokens: NEVER, finishReason: NEVER, account: USAGE };

const streamSigns: Readonly<Partial<Record<Endpoint, Signs>>> = Object.freeze({
  [Endpoint.chat]: chunkSigns,
  [Endpoint.completions]: chunkSigns,
  [Endpoint.responses]: {
    tokens: /"delta"\s*:\s*"[^"]/,
    finishReason: /"type"\s*:\s*"response\.(completed|incomplete|failed)"/,
    account: /"response"\s*:\s*\{|"object"\s*:\s*"response"/,
  },
  [Endpoint.messages]: {
    tokens: /"(?:text|thinking|partial_json)"\s*:\s*"[^"]/,
    finishReason: /"stop_reason"\s*:\s*"(\w+)"/,
    account: USAGE,
  },
});

/** Most of an answer is not parsed to be counted: a look at the text is far cheaper. What comes in one piece tells only its cost. */
export function signsOf(endpoint: Endpoint): Signs {
  return streamSigns[endpoint] ?? wholeSigns;
}
