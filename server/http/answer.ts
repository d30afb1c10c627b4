/** One call's way back to its caller: turns what the relay hands over into an HTTP response. */

import type { Refusal } from "../call/blame.ts";
import type { Call } from "../call/call.ts";
import type { Outlet } from "../call/relay.ts";
import type { Clock } from "../clock.ts";
import type { ColinkError } from "../error.ts";
import type { Node } from "../node/node.ts";
import { errorResponse, errorView, refusalResponse } from "./reply.ts";
import { byteLength, SseBody, type SseLimits } from "./sse.ts";

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Proxies in front must not gather events.
  "x-accel-buffering": "no",
};

/**
 * The status stays open until it is known: until an answer begins or the call has failed. Only a
 * stream whose node thinks for long is answered early, with 200 and comments; from then on errors
 * travel inside the stream.
 */
export class HttpAnswer implements Outlet {
  /** Resolves once, when status and headers are decided. */
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #body: SseBody | null = null;
  #wholeBytes = 0;
  #hasBegun = false;
  readonly #ownNames: ReadonlySet<string>;
  #callOffEarly: () => void = () => {};
  onDrained: () => void = () => {};

  constructor(
    private readonly call: Call,
    private readonly clock: Clock,
    private readonly limits: SseLimits,
    /** Goes on every answer: request id, rate limits. */
    private readonly headers: Headers,
    /** Called once, before the answer's last bytes are handed over. */
    private readonly onEnding: () => void,
  ) {
    this.#ownNames = new Set(headers.keys());
    this.response = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (call.request.stream) {
      this.#callOffEarly = clock.after(limits.keepAliveMs, () => this.#open().comment());
    }
  }

  get deliveredBytes(): number {
    return this.#body?.deliveredBytes ?? this.#wholeBytes;
  }

  get deliveredChunks(): number {
    return this.#body?.deliveredChunks ?? (this.#wholeBytes > 0 ? 1 : 0);
  }

  get isStalled(): boolean {
    return this.#body?.isStalled ?? false;
  }

  answeredBy(node: Node, headers: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(headers)) {
      // A provider's limits are its node's affair; the caller goes by those of its own key.
      if (!this.#ownNames.has(name)) this.headers.set(name, value);
    }
    this.headers.set("x-colink-node", node.who.id);
  }

  whole(body: string | Uint8Array): void {
    this.onEnding();
    this.#wholeBytes = byteLength(body);
    this.headers.set("content-type", "application/json");
    this.headers.set("openai-processing-ms", this.#elapsedMs());
    this.#resolve(
      new Response(body as string | Uint8Array<ArrayBuffer>, {
        status: 200,
        headers: this.headers,
      }),
    );
  }

  /** The status is given away for it: a call that fails in the line fails inside its stream. */
  queued(position: number): void {
    this.#open().remark(`: queued ${position}\n\n`);
  }

  refuse(refusal: Refusal): void {
    this.onEnding();
    this.#callOffEarly();
    if (this.#body) this.#endWith(JSON.stringify(JSON.parse(refusal.body)));
    else this.#resolve(refusalResponse(refusal, this.headers));
  }

  begin(): void {
    this.#hasBegun = true;
    this.#open();
  }

  /** Whether the caller has the beginning of an answer; comments are none. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  write(events: string | Uint8Array): void {
    this.#body?.write(events);
  }

  end(): void {
    this.onEnding();
    const body = this.#open();
    body.remark("data: [DONE]\n\n");
    body.end();
  }

  /** Inside a stream: an error event and no `[DONE]`, so that no SDK takes the stump for an answer. */
  fail(error: ColinkError): void {
    this.onEnding();
    this.#callOffEarly();
    if (this.#body) this.#endWith(JSON.stringify(errorView(error)));
    else this.#resolve(errorResponse(error, this.headers));
  }

  #open(): SseBody {
    if (this.#body) return this.#body;
    this.#callOffEarly();
    this.#body = new SseBody(this.clock, this.limits, {
      tooSlow: () => this.call.stop("caller_too_slow"),
      gone: () => this.call.stop("caller_gone"),
      drained: () => this.onDrained(),
    });
    for (const [name, value] of Object.entries(STREAM_HEADERS)) this.headers.set(name, value);
    this.headers.set("openai-processing-ms", this.#elapsedMs());
    this.#resolve(new Response(this.#body.stream, { status: 200, headers: this.headers }));
    return this.#body;
  }

  #endWith(json: string): void {
    this.#body?.breakOff(`data: ${json}\n\n`);
  }

  #elapsedMs(): string {
    return String(Math.round(this.clock.monotonic() - this.call.startedMs));
  }
}
