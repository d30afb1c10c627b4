/** Where quickstart's model may come from, and what counts as one. */

export interface ModelSource {
  /** For people: `Ollama at http://127.0.0.1:11434`. */
  origin: string;
  /** The model, by the provider's name. */
  model: string;
  /** As it stands in the node's configuration. */
  provider: { type: "openai" | "claude"; api_key: string; base_url?: string };
}

/** The world that is searched. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  fetch: (url: string, init?: RequestInit) => Promise<Response>;
}

/** A place to look at. Throws, with what to do about it, when there is something but no chat model. */
export type Place = (surroundings: Surroundings) => Promise<ModelSource | null>;

/** By name: whether a model chats, rather than embeds, ranks, speaks or draws. */
export function isChatModel(name: string): boolean {
  return !/embed|rerank|\bbge\b|\bgte\b|\be5\b|minilm|whisper|\btts\b|\bclip\b|moderation|dall-e|image|audio|realtime|transcribe|sora|davinci|babbage/i
    .test(name);
}
