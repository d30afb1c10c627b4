/** Anthropic's API over recorded answers: each model answers with the stream of its name. */

import { readdirSync, readFileSync } from "node:fs";
import { at } from "../../scripts/root.ts";
import { endAfterTests } from "../harness/cleanup.ts";

const folder = at("client", "adapter", "recorded");
const PREFIX = "claude-";
const SUFFIX = ".sse";

/** Named by content, such as `redacted-thinking`. */
export const recordedModels: readonly string[] = readdirSync(folder)
  .filter((file) => file.startsWith(PREFIX) && file.endsWith(SUFFIX))
  .map((file) => file.slice(PREFIX.length, -SUFFIX.length));

/** The members of an entry in Anthropic's list that are read. */
function described(id: string) {
  return {
    type: "model",
    id,
    display_name: id,
    max_input_tokens: 200_000,
    max_tokens: null,
    capabilities: { image_input: { supported: true } },
    lifecycle: "active",
  };
}

export interface RecordedClaude {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** The received bodies, oldest first. */
  readonly asked: readonly { model: string }[];
}

/** Starts the server; models without a recording answer with a text. It always streams, because the node always requests streams. */
export function startRecordedClaude(): RecordedClaude {
  const asked: { model: string }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (request.method !== "POST") return Response.json({ data: recordedModels.map(described) });
      if (new URL(request.url).pathname.endsWith("/count_tokens")) {
        return Response.json({ input_tokens: 11 });
      }
      const body = await request.json() as { model: string };
      asked.push(body);
      const name = recordedModels.includes(body.model) ? body.model : "text";
      const stream = readFileSync(`${folder}/${PREFIX}${name}${SUFFIX}`);
      return new Response(stream, { headers: { "content-type": "text/event-stream" } });
    },
  });
  endAfterTests(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}`, asked };
}
