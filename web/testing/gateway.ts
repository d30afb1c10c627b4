/** A gateway for unit tests of the console: answers `fetch` and remembers what was asked. */

import { afterAll } from "bun:test";

type Answer = (init: RequestInit) => Response | Promise<Response>;

export interface FakeGateway {
  /** `METHOD /path` of every request, oldest first. */
  readonly requests: string[];
  /** Bodies of the requests, as parsed JSON; null where there was none. */
  readonly bodies: unknown[];
  /** By `METHOD /path`; any other request finds no gateway. */
  answers: Record<string, Answer>;
}

/** Takes the place of `fetch` until the tests of the calling file are over. */
export function fakeGateway(): FakeGateway {
  const gateway: FakeGateway = { requests: [], bodies: [], answers: {} };
  const { fetch } = globalThis;
  globalThis.fetch = ((path: string, init: RequestInit) => {
    const request = `${init.method} ${path}`;
    gateway.requests.push(request);
    gateway.bodies.push(typeof init.body === "string" ? JSON.parse(init.body) : null);
    const answer = gateway.answers[request];
    return Promise.resolve().then(() => {
      if (!answer) throw new TypeError("Failed to fetch");
      return answer(init);
    });
  }) as typeof globalThis.fetch;
  afterAll(() => {
    globalThis.fetch = fetch;
  });
  return gateway;
}

export function json(body: unknown, init: ResponseInit = {}): Answer {
  return () => Response.json(body, init);
}

export function failure(status: number, code: string): Answer {
  return json({ error: { message: "no", type: "x", param: null, code } }, { status });
}
