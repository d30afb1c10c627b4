/** What models seem to say while pictures are taken. */

const thoughts = "The user wants a table. Two days, mornings and evenings; keep it short.";

const words = `Here is a relaxed plan for **two days** in Hangzhou:

| When | Saturday | Sunday |
| --- | --- | --- |
| Morning | West Lake by bicycle | Lingyin Temple |
| Noon | Noodles at \`Kuiyuan\` | Tea village, Longjing |
| Evening | Boat to the islands | Hefang Street |

A few hints:

1. Start before nine: the lake is *quiet* then.
2. Rent bicycles with any transit card.

\`\`\`python
def walk(hours: float) -> float:
    """Kilometres at an easy pace."""
    return 4 * hours
\`\`\`
`;

/** Between two words: a good desktop's speed. */
const WORD_MS = 18;

/** A model server that answers anything with the same words, at a speed to be seen. */
export function serveSpeech(): { url: string; stop: () => void } {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { model } = await request.json() as { model: string };
      const events = speech(model);
      const body = new ReadableStream({
        async pull(controller) {
          const event = events.shift();
          if (event === undefined) return controller.close();
          await Bun.sleep(WORD_MS);
          controller.enqueue(new TextEncoder().encode(event));
        },
      });
      return new Response(body, {
        headers: {
          "content-type": "text/event-stream",
          "x-colink-node": "studio-pc",
          "x-request-id": "req-0f6b6219c4b94e0d8d8a5be6a7f1c0de",
        },
      });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/`, stop: () => void server.stop(true) };
}

/** A whole answer as server-sent events; models of some families think first. */
function speech(model: string): string[] {
  const chunk = (delta: object) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`;
  const usage = { prompt_tokens: 18, completion_tokens: 164 };
  const thinks = /deepseek|qwq/.test(model);
  return [
    ...(thinks ? [chunk({ reasoning_content: thoughts })] : []),
    ...(words.match(/\S+\s*/g) ?? []).map((content) => chunk({ content })),
    `data: ${JSON.stringify({ choices: [], usage })}\n\n`,
    "data: [DONE]\n\n",
  ];
}
