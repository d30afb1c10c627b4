/** A provider for tests: records requests and answers as the test defines. */

import type { Server } from "bun";

/** A received request. */
export interface Seen {
  path: string;
  headers: Headers;
  body: string;
  /** Aborts when the node disconnects. */
  signal: AbortSignal;
}

const NOT_FOUND = { status: 404 };

export class StubUpstream {
  readonly seen: Seen[] = [];
  readonly #server: Server<undefined>;

  /** `list` answers GET requests, which are not recorded; by default with 404. */
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

/** An event stream sent in the given pieces. */
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

/** An event stream that never ends. */
export function endlessStream(begin: string): Response {
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode(begin)),
    pull: () => new Promise(() => {}),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** `data:` lines for payloads; strings are used as they are. */
export function sse(...payloads: (object | string)[]): string {
  return payloads.map((payload) =>
    `data: ${typeof payload === "string" ? payload : JSON.stringify(payload)}\n\n`
  ).join("");
}
