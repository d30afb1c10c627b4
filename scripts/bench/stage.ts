/** What most figures are measured on: upstream, nginx, gateway and node, all running. */

import { join } from "node:path";
import type { Cores } from "./cores.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { type Nginx, startNginx } from "./nginx.ts";
import { startNode } from "./node.ts";
import type { ServerProcess } from "./server_process.ts";
import type { Size } from "./size.ts";
import type { Target, VariantName } from "./target.ts";
import { startWorker, type Worker } from "./worker.ts";

/** What there is to measure with, before anything that is measured runs. */
export interface Bench {
  readonly size: Size;
  readonly cores: Cores;
  /** For whatever is written; removed at the end. */
  readonly folder: string;
  readonly upstream: Upstream;
}

export interface Upstream {
  readonly port: number;
  readonly pid: number;
}

/** A gateway with one real node, and nginx, before the same upstream. */
export class Stage {
  static #count = 0;

  private constructor(
    readonly bench: Bench,
    readonly folder: string,
    readonly nginx: Nginx,
    readonly gateway: Gateway,
    readonly node: ServerProcess,
  ) {}

  /** Starts all three; several stages may stand side by side. */
  static async set(bench: Bench): Promise<Stage> {
    const folder = join(bench.folder, `stage-${++Stage.#count}`);
    const at = (name: string) => ({ folder: join(folder, name), cores: bench.cores.measured });
    const nginx = await startNginx({ ...at("nginx"), upstreamPort: bench.upstream.port });
    const gateway = await startGateway(at("gateway"));
    const node = await startNode(gateway, bench.upstream.port, join(folder, "node"));
    return new Stage(bench, folder, nginx, gateway, node);
  }

  get targets(): Record<VariantName, Target> {
    const { token } = this.gateway;
    return {
      direct: { port: this.bench.upstream.port, token },
      nginx: { port: this.nginx.port, token },
      gateway: this.gateway,
    };
  }

  /** Process ids of those whose processor time is of interest. */
  get watched(): Record<"nginx" | "gateway" | "node" | "upstream", number> {
    return {
      nginx: this.nginx.process.pid,
      gateway: this.gateway.process.pid,
      node: this.node.pid,
      upstream: this.bench.upstream.pid,
    };
  }

  forgetLogs(): void {
    for (const process of [this.nginx.process, this.gateway.process, this.node]) {
      process.forgetLog();
    }
  }

  async strike(): Promise<void> {
    await this.node.stop();
    await this.gateway.process.stop();
    await this.nginx.process.stop();
  }
}

/** Starts the upstream; resolves once it listens. */
export async function startUpstream(): Promise<Upstream & Worker<{ port: number }>> {
  const worker = startWorker<{ port: number }>(join(import.meta.dir, "upstream.ts"));
  const { port } = await worker.next();
  return Object.assign(worker, { port });
}
