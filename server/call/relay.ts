/** Runs calls: moves their answers from nodes to callers. */

import type { Call } from "../schedule/call.ts";
import type { LedgerEntry } from "../store/store.ts";
import type { AnswerWriter } from "./answer_writer.ts";
import { type RelayConfig, type RelayParts, RunningCall } from "./running_call.ts";

export class Relay {
  constructor(private readonly parts: RelayParts, private readonly config: RelayConfig) {}

  /** Runs a call to its end. Never rejects: every end reaches the writer and the ledger once. Resolves with what was recorded. */
  run(call: Call, writer: AnswerWriter): Promise<LedgerEntry> {
    return new RunningCall(call, writer, this.parts, this.config).run();
  }
}
