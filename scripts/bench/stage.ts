/** What most figures are measured on: upstream, nginx, gateway and node, all running. */

import { join } from "node:path";
import type { Cores } from "./cores.ts";
import { type Floor, startFloor } from "./floor.ts";
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

/** A gateway with one real node, nginx, and the bare relay with its node, before the same upstream. */
export class Stage {
  static #count = 0;

  private constructor(
    readonly bench: Bench,
    readonly folder: string,
    readonly nginx: Nginx,
    readonly floor: Floor,
    readonly gateway: Gateway,
    readonly node: ServerProcess,
  ) {}

  /** Starts all; several stages may stand side by side. */
  static async set(bench: Bench): Promise<Stage> {
    const folder = join(bench.folder, `stage-${++Stage.#count}`);
    const at = (name: string) => ({ folder: join(folder, name), cores: bench.cores.measured });
    const upstreamPort = bench.upstream.port;
    const nginx = await startNginx({ ...at("nginx"), upstreamPort });
    const floor = await startFloor({ ...at("floor"), upstreamPort });
    const gateway = await startGateway(at("gateway"));
    const node = await startNode(gateway, upstreamPort, join(folder, "node"));
    return new Stage(bench, folder, nginx, floor, gateway, node);
  }

  get targets(): Record<VariantName, Target> {
    const { token } = this.gateway;
    return {
      direct: { port: this.bench.upstream.port, token },
      nginx: { port: this.nginx.port, token },
      floor: this.floor,
      gateway: this.gateway,
    };
  }

  /** Process ids of those whose processor time is of interest. */
  get watched(): Record<"nginx" | "floor" | "gateway" | "node" | "upstream", number> {
    return {
      nginx: this.nginx.process.pid,
      floor: this.floor.process.pid,
      gateway: this.gateway.process.pid,
      node: this.node.pid,
      upstream: this.bench.upstream.pid,
    };
  }

  forgetLogs(): void {
    const { nginx, floor, gateway, node } = this;
    for (const process of [nginx.process, floor.node, gateway.process, node]) {
      process.forgetLog();
    }
  }

  async strike(): Promise<void> {
    await this.node.stop();
    await this.gateway.process.stop();
    await this.floor.node.stop();
    await this.floor.process.stop();
    await this.nginx.process.stop();
  }
}

/** Starts the upstream; resolves once it listens. */
export async function startUpstream(): Promise<Upstream & Worker<{ port: number }>> {
  const worker = startWorker<{ port: number }>(join(import.meta.dir, "upstream.ts"));
  const { port } = await worker.next();
  return Object.assign(worker, { port });
}
