/** A provider of one page, for tests: remembers what it was asked and answers what the test says. */

import type { Server } from "bun";

/** One request that came in. */
export interface Seen {
  path: string;
  headers: Headers;
  body: string;
  /** Aborts when the node hangs up. */
  signal: AbortSignal;
}

const NOT_FOUND = { status: 404 };

export class StubUpstream {
  readonly seen: Seen[] = [];
  readonly #server: Server<undefined>;

  /** `list` answers what is asked for by GET, which is not remembered; by default there is nothing. */
  constructor(
    answer: (seen: Seen) => Response | Promise<Response>,
    list: (request: Request) => Response | Promise<Response> = () => new Response(null, NOT_FOUND),
  ) {
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: async (request) => {
        if (request.method === "GET") return list(request);
        const { pathname, search } = new URL(request.url);
        const seen = {
          path: pathname + search,
          headers: request.headers,
          body: await request.text(),
          signal: request.signal,
        };
        this.seen.push(seen);
        return answer(seen);
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }
}

/** An event stream of the given text, sent in the given pieces and then ended. */
export function eventStream(pieces: readonly (string | Uint8Array)[]): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    async pull(controller) {
      for (const piece of pieces) {
        controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
        await Promise.resolve();
      }
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** Events that begin and then never end, until the reader leaves. */
export function endlessStream(begin: string): Response {
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode(begin)),
    pull: () => new Promise(() => {}),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** `data:` lines for payloads; text stands as it is. */
export function sse(...payloads: (object | string)[]): string {
  return payloads.map((payload) =>
    `data: ${typeof payload === "string" ? payload : JSON.stringify(payload)}\n\n`
  ).join("");
}
