/** A scripted node's side of the wire, independent of the wire's version. */

export interface ReceivedCall {
  id: string;
  model: string;
  stream: boolean;
}

/** The usage that a model server reports. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

/** Encodes and decodes one version of the wire for a node. */
export interface NodeProtocol {
  register(offer: { max_parallel: number; models: string[]; node_id: string; name: string }): void;
  /** Decodes one message and notifies the listener. */
  read(message: string | ArrayBuffer): void;
  piece(callId: string, content: string): void;
  whole(callId: string, content: string, usage?: Usage): void;
  finish(callId: string, usage?: Usage): void;
  fail(callId: string, code: number, usage?: Usage): void;
}

/** Receives the gateway's messages. */
export interface NodeListener {
  /** The gateway is ready for the registration. */
  ready(): void;
  called(call: ReceivedCall): void;
  cancelled(callId: string): void;
}
