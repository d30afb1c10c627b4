/** A stand-in for a model server, so that everything can be tried with no model at hand. It says that it is one. */

export const DEMO_MODEL = "demo-model";

const PAUSE_MS = 15;

const ANSWER = "Hello! I am the demo upstream of Co-Link, not a model: I say the same words to " +
  "everybody. They came to you by a node and a gateway, as a real model's would. " +
  "Start Ollama or set OPENAI_API_KEY, and run quickstart again.";

export interface DemoUpstream {
  /** What a node's `base_url` is. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves `/v1/models` and `/v1/chat/completions`, streaming and not, on this machine only. */
export function startDemoUpstream(port = 0): DemoUpstream {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    routes: {
      "/v1/models": () =>
        Response.json({ object: "list", data: [{ id: DEMO_MODEL, object: "model" }] }),
      "/v1/chat/completions": { POST: complete },
    },
    fetch: () => Response.json({ error: { message: "no such path" } }, { status: 404 }),
  });
  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    stop: () => server.stop(true),
  };
}

interface ChatBody {
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
}

async function complete(request: Request): Promise<Response> {
  const body = await request.json() as ChatBody;
  const words = ANSWER.match(/\S+\s*/g) ?? [];
  const usage = { prompt_tokens: 0, completion_tokens: words.length, total_tokens: words.length };
  if (!body.stream) {
    const message = { role: "assistant", content: ANSWER };
    return Response.json({
      ...head("chat.completion"),
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage,
    });
  }
  const events = [
    ...words.map((content) => chunk({ content }, null)),
    chunk({}, "stop"),
    ...(body.stream_options?.include_usage
      ? [{ ...head("chat.completion.chunk"), choices: [], usage }]
      : []),
  ];
  return new Response(eventStream(events), { headers: { "content-type": "text/event-stream" } });
}

function eventStream(events: readonly object[]): ReadableStream<Uint8Array> {
  const texts = [...events.map((event) => JSON.stringify(event)), "[DONE]"].values();
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = texts.next();
      if (done) return controller.close();
      await Bun.sleep(PAUSE_MS);
      controller.enqueue(encoder.encode(`data: ${value}\n\n`));
    },
  });
}

function chunk(delta: { content?: string }, finishReason: string | null): object {
  return {
    ...head("chat.completion.chunk"),
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  };
}

function head(object: string) {
  return { id: "chatcmpl-demo", object, created: Math.floor(Date.now() / 1000), model: DEMO_MODEL };
}

if (import.meta.main) {
  const { url } = startDemoUpstream(Number(process.env.PORT ?? 0));
  console.log(`Demo upstream at ${url}, model ${DEMO_MODEL}`);
}
