/** A crowd of scripted nodes in one process beside the gateway; see scripted_nodes.ts. */

import { join } from "node:path";
import { connectedNodes, type Gateway, untilNodes } from "./gateway.ts";
import type { NodesOrder, NodesReport } from "./scripted_nodes.ts";
import { startWorker, type Worker } from "./worker.ts";

export class Crowd {
  readonly #worker: Worker<NodesReport> = startWorker(join(import.meta.dir, "scripted_nodes.ts"));
  #size = 0;

  constructor(private readonly gateway: Gateway) {}

  get pid(): number {
    return this.#worker.pid;
  }

  /** Resolves when so many nodes more serve the model. Rejects when the gateway refuses one. */
  async grow(model: string, count: number): Promise<void> {
    const { wsUrl, clientToken, url } = this.gateway;
    const before = await connectedNodes(url);
    const order: NodesOrder = { wsUrl, token: clientToken, model, count };
    this.#worker.send(order);
    const { problem } = await this.#worker.next();
    if (problem !== undefined) throw new Error(`Cannot connect ${count} nodes: ${problem}`);
    this.#size += count;
    await untilNodes(url, (nodes) => nodes === before + count);
  }

  /** Resolves when the gateway has noticed that all of them are gone. */
  async stop(): Promise<void> {
    const before = await connectedNodes(this.gateway.url);
    await this.#worker.stop();
    await untilNodes(this.gateway.url, (nodes) => nodes === before - this.#size);
  }
}
