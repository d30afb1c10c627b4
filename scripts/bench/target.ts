/** Where a load is sent: a port of this machine that offers chat completions. */

/** The four ways to the same answer that are compared. */
export type VariantName = "direct" | "nginx" | "floor" | "gateway";

export interface Target {
  readonly port: number;
  /** Sent as the bearer token. */
  readonly token: string;
}

export const CHAT_PATH = "/v1/chat/completions";

/** The bytes of a request with this body. */
export function requestBytes({ port, token }: Target, body: string): Buffer {
  return Buffer.from(
    `POST ${CHAT_PATH} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
