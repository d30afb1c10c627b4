/** A load balancer as operators run one: takes turns among gateways, and passes over those that take no calls. */

import { endAfterTests } from "./cleanup.ts";

export interface Balancer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  stop(): void;
}

/** Like nginx with `proxy_next_upstream error http_503 non_idempotent`: what did not begin is tried at the next. */
export function startBalancer(backends: () => readonly string[]): Balancer {
  let turn = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = request.body === null ? null : await request.bytes();
      const all = backends();
      let last = new Response("no gateway", { status: 502 });
      for (let i = 0; i < all.length; i++) {
        const { method, headers, signal } = request;
        const url = `${all[turn++ % all.length]}${pathname}${search}`;
        try {
          last = passedOn(await fetch(url, { method, headers, body, signal, keepalive: false }));
          if (last.status !== 503) return last;
        } catch {
          // Nobody is there: the next one.
        }
      }
      return last;
    },
  });
  const stop = () => void server.stop(true);
  endAfterTests(stop);
  return { url: `http://127.0.0.1:${server.port}`, stop };
}

/** Read and written by hand: Bun may lose the end of a fetched body that is returned as it is. */
function passedOn(answer: Response): Response {
  const reader = answer.body?.getReader();
  if (reader === undefined) return answer;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
}
