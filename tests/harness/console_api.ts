/** The console's API as a signed-in person uses it, and its live changes. */

import type { ErrorView, LiveEvents } from "../../api/mod.ts";
import type { Account } from "./account.ts";
import { type Answer, ask } from "./api.ts";
import { endAfterTests } from "./cleanup.ts";
import { until } from "./wait.ts";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** Asks one path below /api, as this account; `body` goes out as JSON. */
export function asked<T = ErrorView>(
  gateway: { url: string },
  account: { jwt: string } | null,
  request: `${Method} /${string}`,
  body?: unknown,
): Promise<Answer<T>> {
  const [method = "", path = ""] = request.split(" ");
  return ask<T>(`${gateway.url}/api${path}`, {
    method,
    ...(account === null ? {} : { token: account.jwt }),
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
}

/** As `asked`, for what must succeed: the answer's JSON. */
export async function done<T>(
  gateway: { url: string },
  account: { jwt: string },
  request: `${Method} /${string}`,
  body?: unknown,
): Promise<T> {
  const answer = await asked<T>(gateway, account, request, body);
  if (answer.status === 200) return answer.json;
  throw new Error(`${request} was refused with ${answer.status}: ${answer.text}`);
}

type LiveEvent = { [K in keyof LiveEvents]: { id: string; name: K; data: LiveEvents[K] } }[
  keyof LiveEvents
];

/** One stream of live changes; every event that came is kept. */
export class LiveStream {
  readonly events: LiveEvent[] = [];
  isOver = false;

  constructor(private readonly response: Response, private readonly stop: AbortController) {
    void this.#read();
  }

  get lastId(): string {
    return this.events.at(-1)?.id ?? "";
  }

  /** The first event of that name, past or future, for which `fits`. */
  next<K extends keyof LiveEvents>(
    name: K,
    fits: (data: LiveEvents[K]) => boolean = () => true,
  ): Promise<LiveEvents[K]> {
    return until(`the event ${name}`, () => {
      for (const event of this.events) {
        if (event.name === name && fits(event.data as LiveEvents[K])) {
          return event.data as LiveEvents[K] & object;
        }
      }
      return undefined;
    }) as Promise<LiveEvents[K]>;
  }

  /** Resolves once the gateway has ended the stream. */
  async ended(): Promise<void> {
    await until("the stream is over", () => this.isOver);
  }

  leave(): void {
    this.stop.abort();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const bytes of this.response.body ?? []) {
        rest += decoder.decode(bytes, { stream: true });
        const blocks = rest.split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.#take(block);
      }
    } catch {
      // Cut off: over all the same.
    }
    this.isOver = true;
  }

  #take(block: string): void {
    const field = (name: string) =>
      block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const name = field("event");
    if (name === undefined) return;
    const event = { id: field("id") ?? "", name, data: JSON.parse(field("data") ?? "null") };
    this.events.push(event as LiveEvent);
  }
}

/** Watches what changes, from a snapshot or from what came after the event `since`. */
export async function watch(
  gateway: { url: string },
  account: Pick<Account, "jwt">,
  { topics, since }: { topics?: string; since?: string } = {},
): Promise<LiveStream> {
  const query = topics === undefined ? "" : `?topics=${topics}`;
  const stop = new AbortController();
  const response = await fetch(`${gateway.url}/api/live${query}`, {
    signal: stop.signal,
    headers: {
      authorization: `Bearer ${account.jwt}`,
      ...(since === undefined ? {} : { "last-event-id": since }),
    },
  });
  if (!response.ok) throw new Error(`Refused with ${response.status}: ${await response.text()}`);
  const stream = new LiveStream(response, stop);
  endAfterTests(() => stream.leave());
  return stream;
}
