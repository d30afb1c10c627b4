/** Wire v1 as a node speaks it: JSON text frames. */

import type { UpstreamFailure } from "../adapter/adapter.ts";
import { jsonTexts } from "../adapter/sse/json_texts.ts";
import {
  BUSY,
  CALLER_GONE,
  decode,
  encodeError,
  encodeFinish,
  encodeRegister,
  encodeStream,
  Endpoint,
  endpointsOf,
  type RegisterV2,
} from "../../protocol/mod.ts";
import type { Outlet, WireEvent, WireSession } from "./wire_session.ts";
import type { Reply } from "../run/runner.ts";

export class WireSessionV1 implements WireSession {
  /** What the gateway was told. */
  #models: string[] = [];

  constructor(private readonly outlet: Outlet) {}

  /** v1 has no word for what models can do: they chat. */
  greet(data: RegisterV2): void {
    const { capabilities: _, ...known } = data;
    this.#models = chatModels(data);
    this.outlet.send(encodeRegister({ ...known, models: this.#models }));
  }

  /** A second REGISTER replaces the first. It is sent only for what v1 has words for. */
  offer(data: RegisterV2): void {
    if (chatModels(data).join("\n") !== this.#models.join("\n")) this.greet(data);
  }

  read(message: string | Uint8Array): WireEvent {
    // Binary frames belong to a later version.
    if (typeof message !== "string") return { kind: "nothing" };
    const decoded = decode(message);
    if (decoded.kind === "malformed") return decoded;
    if (decoded.kind === "unknown") return { kind: "nothing" };
    const { frame, bodyText } = decoded;
    if (frame.type === "CALL") {
      const { request_id: id, model, payload } = frame.data;
      const stream = (payload as { stream?: unknown }).stream === true;
      const call = { ...CHAT, id, model, bodyText, stream };
      return { kind: "run", call, reply: this.#replyTo(id) };
    }
    if (frame.type !== "ERROR") return { kind: "nothing" };
    const { request_id: id, code, message: text } = frame.data;
    if (id === undefined) return { kind: "notice", code, message: text };
    return code === CALLER_GONE ? { kind: "cancel", id } : { kind: "nothing" };
  }

  /** v1 has no word for it: calls that come while the node leaves are answered BUSY. */
  announce(): void {}

  signOfLife(): void {
    this.outlet.send('{"type":"PING","data":{}}');
  }

  #replyTo(id: string): Reply {
    const { outlet } = this;
    return {
      head: () => {},
      piece: (piece) => {
        // Each goes out in a frame of its own.
        for (const text of jsonTexts(piece)) outlet.send(encodeStream(id, text));
      },
      finish: () => outlet.send(encodeFinish(id)),
      fail: (failure) => outlet.send(errorFrame(id, failure)),
      busy: (why) =>
        outlet.send(encodeError({ request_id: id, code: 503, message: `${BUSY}: ${why}` })),
      ready: (signal) => outlet.drained(signal),
    };
  }
}

/** What v1 cannot say, and therefore always is. Usage that nobody asked for is the gateway's to hide. */
const CHAT = { endpoint: Endpoint.chat, headers: {}, hidesUsage: false };

function chatModels({ models, capabilities }: RegisterV2): string[] {
  return models.filter((model) => endpointsOf(capabilities?.[model]).includes(CHAT.endpoint));
}

function errorFrame(id: string, failure: UpstreamFailure): string {
  return encodeError({
    request_id: id,
    code: failure.code,
    message: failure.isBusy ? `${BUSY}: ${failure.message}` : failure.message,
    ...(failure.error === undefined ? {} : { error: failure.error }),
    ...(failure.retryAfterMs === undefined ? {} : { retry_after_ms: failure.retryAfterMs }),
  });
}
