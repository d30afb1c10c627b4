/** A crowd of scripted nodes in one process beside the gateway; see scripted_nodes.ts. */

import { join } from "node:path";
import { type Gateway, untilServed } from "./gateway.ts";
import type { NodesOrder, NodesReport } from "./scripted_nodes.ts";
import { startWorker, type Worker } from "./worker.ts";

export class Crowd {
  readonly #worker: Worker<NodesReport> = startWorker(join(import.meta.dir, "scripted_nodes.ts"));
  readonly #sizes = new Map<string, number>();

  constructor(private readonly gateway: Gateway) {}

  get pid(): number {
    return this.#worker.pid;
  }

  /** Resolves when so many nodes more serve the model. Rejects when the gateway refuses one. */
  async grow(model: string, count: number): Promise<void> {
    const { wsUrl, clientToken, url } = this.gateway;
    const order: NodesOrder = { wsUrl, token: clientToken, model, count };
    this.#worker.send(order);
    const { problem } = await this.#worker.next();
    if (problem !== undefined) throw new Error(`Cannot connect ${count} nodes: ${problem}`);
    const size = (this.#sizes.get(model) ?? 0) + count;
    this.#sizes.set(model, size);
    await untilServed(url, model, size);
  }

  async stop(): Promise<void> {
    await this.#worker.stop();
  }
}
