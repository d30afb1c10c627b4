/** Wire v1 for a scripted node: JSON text frames. */

import type { Frame } from "../../protocol/frame.ts";
import { piece, usageOnly, whole } from "./chunks.ts";
import type { NodeListener, NodeProtocol, Usage } from "./node_protocol.ts";

export class NodeProtocolV1 implements NodeProtocol {
  constructor(
    private readonly send: (message: string) => void,
    private readonly listener: NodeListener,
  ) {}

  register(offer: Parameters<NodeProtocol["register"]>[0]): void {
    this.#send({ type: "REGISTER", data: offer });
  }

  read(message: string | ArrayBuffer): void {
    const frame = JSON.parse(String(message)) as Frame;
    if (frame.type === "CALL") {
      const { request_id: id, model, payload } = frame.data;
      this.listener.called({
        id,
        model,
        stream: (payload as { stream?: boolean }).stream === true,
      });
    } else if (frame.type === "ERROR" && frame.data.request_id !== undefined) {
      this.listener.cancelled(frame.data.request_id);
    }
  }

  piece(callId: string, content: string): void {
    this.#chunk(callId, piece(content));
  }

  whole(callId: string, content: string, usage?: Usage): void {
    this.#chunk(callId, { ...whole(content), ...(usage && { usage }) });
    this.finish(callId);
  }

  finish(callId: string, usage?: Usage): void {
    if (usage) this.#chunk(callId, usageOnly(usage));
    this.#send({ type: "FINISH", data: { request_id: callId } });
  }

  fail(callId: string, code: number): void {
    this.#send({ type: "ERROR", data: { request_id: callId, code, message: `no: ${code}` } });
  }

  #chunk(callId: string, chunk: unknown): void {
    this.#send({ type: "STREAM", data: { request_id: callId, chunk } });
  }

  #send(frame: Frame): void {
    this.send(JSON.stringify(frame));
  }
}
