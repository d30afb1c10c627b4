/** stub */
import type { Adapter } from "./adapter.ts";
export class ClaudeAdapter implements Adapter {
  constructor(..._: unknown[]) {}
  async *answer(): AsyncIterable<string> {
    yield "";
  }
}
