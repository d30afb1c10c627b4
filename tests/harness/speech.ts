/** What a version of the wire is to a scripted node: words for its mouth, and what its ears hear. */

export interface HeardCall {
  id: string;
  model: string;
  stream: boolean;
}

/** What a model server tells of its tokens. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

/** One version of the wire, as a node speaks it. */
export interface Speech {
  register(offer: { max_parallel: number; models: string[]; node_id: string; name: string }): void;
  /** Reads one message, and tells what it asks for. */
  read(message: string | ArrayBuffer): void;
  piece(callId: string, content: string): void;
  whole(callId: string, content: string, usage?: Usage): void;
  finish(callId: string, usage?: Usage): void;
  fail(callId: string, code: number, usage?: Usage): void;
}

/** What a speech hears. */
export interface Ears {
  /** The gateway is ready to be registered with. */
  greeted(): void;
  called(call: HeardCall): void;
  cancelled(callId: string): void;
}
