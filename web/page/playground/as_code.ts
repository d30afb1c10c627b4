/** Code that makes the same call as the playground. */

import type { ChatBody } from "./chat_request.ts";

interface Call {
  /** The gateway's: `https://gateway.example` */
  address: string;
  apiToken: string;
  body: ChatBody;
}

/** By the name on its tab. */
export const programs = { curl, Python: python, JavaScript: javaScript } as const;
export type ProgramName = keyof typeof programs;

function curl({ address, apiToken, body }: Call): string {
  const data = JSON.stringify({ ...body, stream: true }, null, 2).replaceAll("'", "'\\''");
  return `curl -N ${address}/v1/chat/completions \\
  -H "Authorization: Bearer ${apiToken}" \\
  -H "Content-Type: application/json" \\
  -d '${data}'`;
}

function python({ address, apiToken, body }: Call): string {
  const settings = Object.entries(body)
    .map(([name, value]) => `    ${name}=${indented(pythonValue(value))},`)
    .join("\n");
  return `from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(`${address}/v1`)}, api_key=${JSON.stringify(apiToken)})

stream = client.chat.completions.create(
${settings}
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)`;
}

function javaScript({ address, apiToken, body }: Call): string {
  const settings = Object.entries(body)
    .map(([name, value]) =>
      `  ${name}: ${JSON.stringify(value, null, 2).replaceAll("\n", "\n  ")},`
    )
    .join("\n");
  return `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${JSON.stringify(`${address}/v1`)},
  apiKey: ${JSON.stringify(apiToken)},
});

const stream = await client.chat.completions.create({
${settings}
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`;
}

/** JSON is valid Python except for `true`, `false` and `null`, and a body contains none of them. */
function pythonValue(value: unknown): string {
  return JSON.stringify(value, null, 4);
}

function indented(text: string): string {
  return text.replaceAll("\n", "\n    ");
}
