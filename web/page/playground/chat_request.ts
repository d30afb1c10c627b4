/** A conversation and its settings as the body of `POST /v1/chat/completions`. */

/** Sampling parameters; null leaves one out, for the model's default. */
export interface Parameters {
  temperature: number | null;
  topP: number | null;
  maxTokens: number | null;
}

export const noParameters: Parameters = { temperature: null, topP: null, maxTokens: null };

export interface UserMessage {
  text: string;
  /** As `data:` URLs. */
  images: readonly string[];
}

/** A question and one model's answer; null for the answer that is still to come. */
export interface Exchange {
  asked: UserMessage;
  answered: string | null;
}

type Content = string | (
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string } }
)[];

interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: Content;
}

export interface ChatBody {
  model: string;
  messages: ChatMessage[];
  stream?: true;
  stream_options?: { include_usage: true };
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
}

/** Leaves out empty answers, because models reject empty messages. */
export function chatBody(
  model: string,
  system: string,
  exchanges: readonly Exchange[],
  { temperature, topP, maxTokens }: Parameters,
): ChatBody {
  const messages: ChatMessage[] = system.trim() ? [{ role: "system", content: system.trim() }] : [];
  for (const { asked, answered } of exchanges) {
    messages.push({ role: "user", content: content(asked) });
    if (answered) messages.push({ role: "assistant", content: answered });
  }
  return {
    model,
    messages,
    ...(temperature !== null && { temperature }),
    ...(topP !== null && { top_p: topP }),
    ...(maxTokens !== null && { max_tokens: maxTokens }),
  };
}

function content({ text, images }: UserMessage): Content {
  if (images.length === 0) return text;
  return [
    ...(text === "" ? [] : [{ type: "text" as const, text }]),
    ...images.map((url) => ({ type: "image_url" as const, image_url: { url } })),
  ];
}
