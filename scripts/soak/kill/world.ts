/** A gateway, nodes, a model server and callers, all of them processes that can be killed and are restarted. */

import type { Account } from "../../../tests/harness/account.ts";
import { createAccount } from "../../../tests/harness/account.ts";
import { endAll } from "../../../tests/harness/cleanup.ts";
import { createDatabase } from "../../../tests/harness/database.ts";
import { type Gateway, startGateway } from "../../../tests/harness/gateway.ts";
import { spools } from "../../../tests/harness/ledger.ts";
import { listNodes, type RunningNode, startNode } from "../../../tests/harness/node.ts";
import { connectScriptedNode, type ScriptedNode } from "../../../tests/harness/scripted_node.ts";
import { startUpstream, type Upstream } from "../../../tests/harness/upstream.ts";
import { until } from "../../../tests/harness/wait.ts";
import { freePort } from "../../free_port.ts";
import { type Books, openBooks } from "./books.ts";
import { CallerProcess } from "./caller_process.ts";
import { CALLERS, MODELS, type PlannedCall, type Strike, type Target } from "./plan.ts";
import type { Seen } from "./seen.ts";
import { behaviour, direct, type Part } from "./servers.ts";

/** Short, so that a run sees every limit. */
const LIMITS = {
  COLINK_DRAIN_SECONDS: "0.4",
  COLINK_RESUME_SECONDS: "0.3",
  COLINK_PENALTY_SECONDS: "0.2",
  COLINK_PENALTY_MAX_SECONDS: "0.4",
  COLINK_DEADLINE_SECONDS: "1.5",
  COLINK_FIRST_TOKEN_SECONDS: "0.8",
  COLINK_IDLE_SECONDS: "0.6",
  COLINK_KEEPALIVE_SECONDS: "0.2",
  COLINK_STALL_SECONDS: "1",
  COLINK_QUEUE_SECONDS: "1",
  COLINK_CANCEL_GRACE_SECONDS: "0.5",
  COLINK_PING_SECONDS: "0.3",
  COLINK_SILENCE_SECONDS: "1",
};

const REAL_NODES = 2;
const WIRES = [1, 2] as const;
const MAX_PARALLEL = 4;

/** Everything must have come to rest so long after the last call's end. */
const QUIET_WITHIN_MS = 15_000;

export class World {
  /** When the gateway was killed, UTC milliseconds, and how long it had been frozen in that run. */
  readonly deaths: { atMs: number; frozenMs: number }[] = [];
  #frozenMs = 0;
  #gateway!: Gateway;
  /** The accounts that call, and that own the nodes. */
  owner!: Account;
  provider!: Account;
  readonly #nodes: RunningNode[] = [];
  readonly #scripted: ScriptedNode[] = [];
  readonly #callers: CallerProcess[] = [];
  #upstream!: Upstream;
  #parts: ReadonlyMap<string, Part> = new Map();
  /** Pending restarts. */
  #mending: Promise<unknown> = Promise.resolve();
  readonly books: Books;

  private constructor(
    private readonly env: Record<string, string>,
    private readonly dataDir: string,
    databaseUrl: string | null,
  ) {
    this.books = openBooks(dataDir, databaseUrl);
  }

  /** Starts all of it; `end` ends it. `limits`: settings of the gateway's other than the usual ones. */
  static async start(
    database: "sqlite" | "postgres",
    limits: Record<string, string> = {},
  ): Promise<World> {
    const databaseUrl = database === "postgres" ? await createDatabase() : null;
    const env = {
      ...LIMITS,
      ...limits,
      PORT: String(freePort()),
      ...(databaseUrl === null
        ? {}
        : { DATABASE_URL: databaseUrl, JWT_SECRET: crypto.randomUUID() }),
    };
    const gateway = await startGateway({ env });
    const world = new World(env, gateway.dataDir, databaseUrl);
    world.#gateway = gateway;
    [world.owner, world.provider] = [await createAccount(gateway), await createAccount(gateway)];
    world.#upstream = startUpstream();
    await world.mend();
    return world;
  }

  get gateway(): Gateway {
    return this.#gateway;
  }

  /** Ends whatever runs, and removes what it has written. */
  async end(): Promise<void> {
    await Promise.all(this.#callers.map((caller) => caller.kill()));
    await endAll();
  }

  /** The processes of the product, by their names. */
  get pids(): Readonly<Record<string, number>> {
    const nodes = this.#nodes.map(({ program }, i) => [nodeName(i), program.pid] as const);
    return { gateway: this.#gateway.program.pid, ...Object.fromEntries(nodes) };
  }

  /** What happens with each call of the next run. */
  direct(parts: ReadonlyMap<string, Part>): void {
    this.#parts = parts;
    for (const [model, { script, served }] of parts) {
      this.#upstream.behave(model, behaviour(script, served));
    }
  }

  make(calls: readonly PlannedCall[]): void {
    this.#callers.forEach((caller, index) =>
      caller.make({
        url: this.#gateway.url,
        token: this.owner.apiToken,
        calls: calls.filter((call) => call.caller === index),
      })
    );
  }

  /** What all callers have received, by model. */
  get seen(): ReadonlyMap<string, Seen> {
    return new Map(this.#callers.flatMap(({ seen }) => [...seen]));
  }

  /** Harmless where the target is down already. */
  strike({ target, signal, lastsMs }: Strike): void {
    const victim = this.#victim(target);
    if (!victim.isRunning) return;
    if (target === "gateway" && signal === "SIGKILL") {
      this.deaths.push({ atMs: Date.now(), frozenMs: this.#frozenMs });
    }
    victim.signal(signal);
    if (signal === "SIGSTOP") {
      if (target === "gateway") this.#frozenMs += lastsMs;
      const wake = Bun.sleep(lastsMs).then(() => victim.signal("SIGCONT"));
      this.#mending = Promise.all([this.#mending, wake]);
    } else if (target === "gateway") {
      const struck = this.#gateway;
      this.#mending = this.#mending.then(() => this.#replace(struck));
    }
  }

  #victim(target: Target): { isRunning: boolean; signal(name: NodeJS.Signals): void } {
    const [kind, which] = target.split(" ");
    if (kind === "gateway") return this.#gateway.program;
    if (kind === "node") return this.#nodes[Number(which)]!.program;
    if (kind === "caller") return this.#callers[Number(which)]!;
    const node = this.#scripted[WIRES.findIndex((wire) => `v${wire}` === which)]!;
    // A scripted node has no process of its own: it can lose only its connection.
    return { isRunning: node.isConnected, signal: () => node.terminate() };
  }

  /** Restarts the gateway, unless another strike has led to that already. */
  async #replace(struck: Gateway): Promise<void> {
    await struck.program.ended;
    if (struck !== this.#gateway) return;
    this.#gateway = await startGateway({ env: this.env, dataDir: this.dataDir });
    // Where this gateway is killed, too, before the nodes reconnect, they reconnect to the next one.
    await this.#mendScripted().catch(() => {});
  }

  /** Resolves when every caller has received the end of its calls, or is dead. */
  async called(): Promise<void> {
    await until(
      "every call has ended",
      () => this.#callers.every(({ isDone }) => isDone),
      QUIET_WITHIN_MS,
    );
  }

  /** Resolves when no process holds anything of any call any more; rejects when one still does. */
  async quiet(): Promise<void> {
    await until("all that was struck is back", () => this.#mending.then(() => true));
    await until("nothing runs, waits, or is held", () => this.#heldThings(), QUIET_WITHIN_MS);
  }

  async #heldThings(): Promise<true> {
    const { url } = this.#gateway;
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const held = [
      ...["colink_calls_running", "colink_calls_waiting", "colink_ledger_pending"]
        .flatMap((name) => new RegExp(`^${name} [^0].*$`, "m").exec(metrics)?.[0] ?? []),
      ...(await listNodes(this.#gateway)).filter(({ active_tasks }) => active_tasks !== 0)
        .map(({ name, active_tasks }) => `${name} holds ${active_tasks}`),
      ...spools(this.#gateway).map((name) => `${name} is not written`),
      ...(this.#upstream.active === 0 ? [] : [`the model server has ${this.#upstream.active}`]),
    ];
    if (held.length > 0) throw new Error(held.join("; "));
    return true;
  }

  /** Restarts what is down, and resolves when the gateway lists exactly the nodes that run. */
  async mend(): Promise<void> {
    await this.#mending;
    this.#frozenMs = 0;
    for (let i = 0; i < CALLERS; i++) {
      if (!this.#callers[i]?.isRunning) this.#callers[i] = new CallerProcess();
    }
    await Promise.all([
      this.#mendScripted(),
      ...Array.from({ length: REAL_NODES }, (_, i) => this.#mendNode(i)),
    ]);
    await until("the gateway lists who is there", async () => {
      const nodes = await listNodes(this.#gateway);
      const ours = nodes.filter((node) => node.supported_models.includes(MODELS[0]!));
      return ours.length === REAL_NODES + WIRES.length;
    });
  }

  async #mendScripted(): Promise<void> {
    for (const [i, wire] of WIRES.entries()) {
      const before = this.#scripted[i];
      if (before?.isConnected) continue;
      const node = await connectScriptedNode({
        wire,
        gateway: this.#gateway,
        clientToken: this.provider.clientToken,
        models: [...MODELS],
        maxParallel: MAX_PARALLEL,
      });
      direct(node, (model) => this.#parts.get(model));
      this.#scripted[i] = node;
    }
  }

  /** A node that waits long before it dials again, as it should after many failures, is replaced. */
  async #mendNode(i: number): Promise<void> {
    const before = this.#nodes[i];
    if (before?.program.isRunning) {
      if (await this.#isListed(nodeName(i))) return;
      await before.kill();
    }
    this.#nodes[i] = await startNode({
      gateway: this.#gateway,
      name: nodeName(i),
      clientToken: this.provider.clientToken,
      maxParallel: MAX_PARALLEL,
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: this.#upstream.url,
        models: MODELS.map((model) => ({ local: model, server_mapping: model })),
      }],
    });
  }

  async #isListed(name: string): Promise<boolean> {
    return (await listNodes(this.#gateway)).some((node) => node.name === name);
  }
}

function nodeName(i: number): string {
  return `node-${i}`;
}
