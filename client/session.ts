/** Keeps a node connected for as long as it is wanted: dials, serves, backs off, dials again, drains. */

import { CloseCode, type RegisterV2 } from "../protocol/mod.ts";
import { Backoff } from "./backoff.ts";
import { Connection } from "./connection.ts";
import type { Runner } from "./runner.ts";
import { pause, type World } from "./world.ts";

export type SessionState = "idle" | "connecting" | "connected" | "waiting" | "draining" | "stopped";

export interface SessionOptions {
  url: URL;
  token: string;
  /** What the node is now. */
  register: () => RegisterV2;
  runner: Runner;
  world: World;
}

export class Session {
  #state: SessionState = "idle";
  #lastProblem: string | null = null;
  #connection: Connection | null = null;
  #loop: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();
  readonly #backoff: Backoff;

  constructor(private readonly options: SessionOptions) {
    this.#backoff = new Backoff(options.world.random);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Why the node was last without a connection, or null if it never was. */
  get lastProblem(): string | null {
    return this.#lastProblem;
  }

  /** Begins to dial, for ever. Harmless twice. */
  start(): void {
    if (this.#state !== "idle") return;
    this.#state = "connecting";
    this.#loop = this.#run();
  }

  /** The node's models have changed: the gateway is told, now or when it is reached. */
  offer(): void {
    this.#connection?.offer();
  }

  /** Takes nothing new, lets what runs finish for at most `graceMs`, then leaves. */
  async stop(graceMs: number): Promise<void> {
    if (this.#state === "stopped") return;
    const { runner, world } = this.options;
    this.#state = "draining";
    runner.drain();
    this.#connection?.announce({ state: "draining", reason: "this node is leaving" });
    this.#stopping.abort();
    await this.#finishRunning(graceMs);
    runner.cancelAll();
    await this.#finishRunning(CANCEL_WITHIN_MS);
    this.#connection?.close(CloseCode.normal, "this node is leaving");
    await this.#loop;
    // A second, hurried stop got here first.
    if (this.state === "stopped") return;
    this.#state = "stopped";
    world.log.info(runner.totals, "stopped");
  }

  async #finishRunning(graceMs: number): Promise<void> {
    const idle = new AbortController();
    const isIdle = this.options.runner.idle().then(() => idle.abort());
    await Promise.race([isIdle, pause(this.options.world, graceMs, idle.signal)]);
  }

  async #run(): Promise<void> {
    const { world } = this.options;
    let knowsOnlyV1 = false;
    while (!this.#stopping.signal.aborted) {
      this.#state = "connecting";
      this.#connection = new Connection({
        ...this.options,
        asksForV2: !knowsOnlyV1,
        onOpen: () => this.#connected(),
      });
      const { reason, needsOwner, livedMs, redialWithinMs, ...fault } = await this.#connection
        .ended;
      this.#connection = null;
      if (this.#stopping.signal.aborted) return;
      knowsOnlyV1 = !knowsOnlyV1 && fault.knowsOnlyV1 === true;
      // Not a failure to back off from: the same server takes nodes of the older kind.
      if (knowsOnlyV1) continue;
      this.#lastProblem = reason;
      const delayMs = redialWithinMs === null
        ? this.#backoff.afterMs(livedMs, needsOwner)
        : this.#backoff.withinMs(redialWithinMs);
      const seconds = Math.ceil(delayMs / 1000);
      world.log.warn({ server: this.#server() }, `${reason}; dialling again in ${seconds} s`);
      this.#state = "waiting";
      await pause(world, delayMs, this.#stopping.signal);
    }
  }

  #connected(): void {
    const { register, world } = this.options;
    if (this.#state === "connecting") this.#state = "connected";
    const { models, max_parallel, name } = register();
    world.log.info({ server: this.#server(), models, max_parallel, name }, "connected");
  }

  /** Without the query, which some put secrets into. */
  #server(): string {
    const { origin, host, protocol, pathname } = this.options.url;
    return `${origin === "null" ? `${protocol}//${host}` : origin}${pathname}`;
  }
}

/** How long upstreams may take to be let go. */
const CANCEL_WITHIN_MS = 2_000;
