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

/** A whole answer as server-sent events; models whose name ends in r1 think first. */
export function speech(model: string): string {
  const chunk = (delta: object) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`;
  const usage = { prompt_tokens: 18, completion_tokens: 164 };
  const thinks = /deepseek|qwq/.test(model);
  return [
    ...(thinks ? [chunk({ reasoning_content: thoughts })] : []),
    ...(words.match(/\S+\s*/g) ?? []).map((content) => chunk({ content })),
    `data: ${JSON.stringify({ choices: [], usage })}\n\n`,
    "data: [DONE]\n\n",
  ].join("");
}
