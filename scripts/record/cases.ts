/** The requests whose answers are recorded: the same cases in each dialect. */

const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const nothing = { type: "object", properties: {} };

/** One request. `words` match the fixtures in aimock.json. */
export interface Case {
  name: string;
  words: string;
  stream: boolean;
  maxTokens: number;
  /** Whether tools are offered; the first one is forced. */
  tools: boolean;
  /** Fields that every server rejects. */
  wrong: object;
}

const plain = { stream: true, maxTokens: 48, tools: false, wrong: {} };

export const cases: readonly Case[] = [
  { ...plain, name: "text", words: "hello, greet me with umlauts and an emoji" },
  { ...plain, name: "whole", words: "hello, greet me with umlauts and an emoji", stream: false },
  { ...plain, name: "length", words: "hello, count from one to a hundred", maxTokens: 5 },
  { ...plain, name: "tools", words: "what is the weather in Zürich?", tools: true },
  { ...plain, name: "thinking", words: "think: what is six by nine?" },
  { ...plain, name: "refused", words: "refuse", wrong: { temperature: "hot" } },
];

export interface Dialect {
  path: string;
  headers(key: string): Record<string, string>;
  body(request: Case, model: string): object;
}

export const dialects: Readonly<Record<string, Dialect>> = Object.freeze({
  openai: {
    path: "/v1/chat/completions",
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: ({ words, stream, maxTokens, tools, wrong }, model) => ({
      model,
      messages: [{ role: "user", content: words }],
      max_tokens: maxTokens,
      ...wrong,
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
      ...(tools
        ? {
          tools: [functionOf("get_weather", city), functionOf("get_time", nothing)],
          tool_choice: { type: "function", function: { name: "get_weather" } },
        }
        : {}),
    }),
  },
  responses: {
    path: "/v1/responses",
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: ({ words, stream, maxTokens, tools, wrong }, model) => ({
      model,
      input: words,
      max_output_tokens: maxTokens,
      ...wrong,
      ...(stream ? { stream } : {}),
      ...(tools
        ? {
          tools: [toolOf("get_weather", city), toolOf("get_time", nothing)],
          tool_choice: { type: "function", name: "get_weather" },
        }
        : {}),
    }),
  },
  claude: {
    path: "/v1/messages",
    headers: (key) => ({ "x-api-key": key, "anthropic-version": "2023-06-01" }),
    body: ({ words, stream, maxTokens, tools, wrong }, model) => ({
      model,
      messages: [{ role: "user", content: words }],
      max_tokens: maxTokens,
      ...wrong,
      ...(stream ? { stream } : {}),
      ...(tools
        ? {
          tools: [
            { name: "get_weather", input_schema: city },
            { name: "get_time", input_schema: nothing },
          ],
          tool_choice: { type: "tool", name: "get_weather" },
        }
        : {}),
    }),
  },
});

function toolOf(name: string, parameters: object): object {
  return { type: "function", name, parameters };
}

function functionOf(name: string, parameters: object): object {
  return { type: "function", function: { name, parameters } };
}
