/** HTTP spoken by hand over a socket of one's own: half sent, contradictory, or too slow. */

import { connect } from "node:net";
import { endAfterTests } from "./cleanup.ts";
import { within } from "./wait.ts";

interface RawAnswer {
  /** 0: the connection ended without an answer. */
  status: number;
  /** Everything that came, head included. */
  text: string;
  /** The body as JSON; undefined when it is not. */
  json: unknown;
}

export interface RawHttp {
  write(text: string): void;
  /** Reads no more until `resume`: what comes fills the buffers on the way. */
  pause(): void;
  resume(): void;
  /** Leaves, whatever may still come. */
  hangUp(): void;
  /** Resolves when the server has closed the connection: send `connection: close`. */
  answer(deadlineMs?: number): Promise<RawAnswer>;
  /** Resolves when the connection has ended, by the server's will or because it was lost. */
  readonly closed: Promise<void>;
  /** Everything that came so far. */
  readonly received: string;
}

/** The head of a chat call, as text; the body has `length` bytes. */
export function chatHead(token: string, length: number): string {
  return `${headWithoutEnd(token)}connection: close\r\ncontent-length: ${length}\r\n\r\n`;
}

/** Headers may follow, and an empty line must. */
export function headWithoutEnd(token: string): string {
  return "POST /v1/chat/completions HTTP/1.1\r\nhost: co-link\r\n" +
    `authorization: Bearer ${token}\r\n`;
}

/** One whole chat call, as text, on a connection that may go on after it. */
export function wholeCall(token: string, body: Record<string, unknown>): string {
  const text = JSON.stringify(body);
  return `${headWithoutEnd(token)}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

/** Resolves once the connection stands. */
export async function dial(gateway: { url: string }): Promise<RawHttp> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  endAfterTests(() => void socket.destroy());
  const connected = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let text = "";
  socket.setEncoding("utf8");
  socket.on("connect", connected.resolve);
  socket.on("data", (part) => text += part);
  // A reset is an end like any other: what came before it is the answer.
  socket.on("error", (error) => connected.reject(error));
  socket.on("close", () => closed.resolve());
  await connected.promise;
  return {
    write: (part) => void socket.write(part),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    hangUp: () => void socket.destroy(),
    answer: async (deadlineMs) => {
      await within("the end of the connection", closed.promise, deadlineMs);
      return parsed(text);
    },
    closed: closed.promise,
    get received() {
      return text;
    },
  };
}

function parsed(text: string): RawAnswer {
  const [, status = "0"] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    // Then it is none.
  }
  return { status: Number(status), text, json };
}
