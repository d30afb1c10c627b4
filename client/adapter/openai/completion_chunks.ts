/** A whole completion told as a stream, for upstreams that ignore `stream: true`. */

interface Message extends Record<string, unknown> {
  tool_calls?: object[];
}

interface Completion extends Record<string, unknown> {
  choices: { index?: number; message?: Message; logprobs?: unknown; finish_reason?: unknown }[];
  usage?: unknown;
}

/** The chunks that a streaming upstream would have sent: what was said, how it ended, what it cost. */
export function completionChunks(completion: Completion, includeUsage: boolean): string[] {
  const { choices, usage, ...rest } = completion;
  const head = { ...rest, object: "chat.completion.chunk" };
  const said = choices.map((choice, position) => ({
    index: choice.index ?? position,
    delta: deltaOf(choice.message ?? {}),
    logprobs: choice.logprobs ?? null,
    finish_reason: null,
  }));
  const ended = choices.map((choice, position) => ({
    index: choice.index ?? position,
    delta: {},
    logprobs: null,
    finish_reason: choice.finish_reason ?? "stop",
  }));
  const chunks: object[] = [{ ...head, choices: said }, { ...head, choices: ended }];
  if (includeUsage && usage) chunks.push({ ...head, choices: [], usage });
  return chunks.map((chunk) => JSON.stringify(chunk));
}

function deltaOf({ tool_calls, ...message }: Message): object {
  const delta = { ...message, role: "assistant" };
  if (!tool_calls?.length) return delta;
  return { ...delta, tool_calls: tool_calls.map((call, index) => ({ index, ...call })) };
}
