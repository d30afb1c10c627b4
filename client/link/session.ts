/** Keeps a node connected for as long as it is wanted: dials, serves, backs off, dials again, drains. */

import { CloseCode, type RegisterV2 } from "../../protocol/mod.ts";
import { Backoff } from "./backoff.ts";
import { Connection } from "./connection.ts";
import type { Runner } from "../run/runner.ts";
import { pause, type World } from "../world.ts";

export type SessionState = "idle" | "connecting" | "connected" | "waiting" | "draining" | "stopped";

export interface SessionOptions {
  /** Gateways of one network: the next is dialled when one fails or leaves. */
  urls: readonly URL[];
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
  /** To gateways that leave: what runs over them ends there. */
  readonly #leaving = new Set<Connection>();
  /** How a gateway that leaves wanted its nodes spread. */
  #redialWithinMs = 0;
  /** Which of the addresses is dialled. */
  #at = 0;
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
    for (const connection of this.#connections()) {
      connection.announce({ state: "draining", reason: "this node is leaving" });
    }
    this.#stopping.abort();
    await this.#finishRunning(graceMs);
    runner.cancelAll();
    await this.#finishRunning(CANCEL_WITHIN_MS);
    const connections = this.#connections();
    for (const one of connections) one.close(CloseCode.normal, "this node is leaving");
    await this.#loop;
    await Promise.all(connections.map(({ ended }) => ended));
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
    let knowsOnlyV1 = false;
    while (!this.#stopping.signal.aborted) {
      this.#state = "connecting";
      const connection = this.#dial(!knowsOnlyV1);
      const ending = await Promise.race([connection.ended, connection.leaving]);
      this.#connection = null;
      if ("redialWithinMs" in ending) {
        this.#redialWithinMs = ending.redialWithinMs;
        this.#leave(connection);
        knowsOnlyV1 = false;
        await this.#waitBefore(
          "the gateway is leaving",
          this.#backoff.withinMs(ending.redialWithinMs),
        );
        continue;
      }
      if (this.#stopping.signal.aborted) return;
      knowsOnlyV1 = !knowsOnlyV1 && ending.knowsOnlyV1 === true;
      // Not a failure to back off from: the same server takes nodes of the older kind.
      if (knowsOnlyV1) continue;
      const { reason, livedMs, needsOwner } = ending;
      this.#lastProblem = reason;
      // While another gateway still serves what runs, there is no reason to come ever more seldom; nor
      // to come more often than it has asked for.
      const delayMs = this.#leaving.size > 0
        ? this.#backoff.withinMs(this.#redialWithinMs)
        : this.#backoff.afterMs(livedMs, needsOwner);
      await this.#waitBefore(reason, delayMs);
    }
  }

  #dial(asksForV2: boolean): Connection {
    const connection = new Connection({
      ...this.options,
      url: this.#url,
      asksForV2,
      onOpen: () => this.#connected(),
    });
    return this.#connection = connection;
  }

  /** What runs over the connection goes on; what comes next is for another gateway. */
  #leave(connection: Connection): void {
    this.#leaving.add(connection);
    void connection.ended.then(() => this.#leaving.delete(connection));
    // Told to leave in the middle of its goodbye, it has another one to say.
    if (this.#stopping.signal.aborted) connection.close(CloseCode.normal, "this node is leaving");
  }

  /** Waits, then the next of the addresses is tried. */
  async #waitBefore(reason: string, delayMs: number): Promise<void> {
    const { world, urls } = this.options;
    const seconds = Math.ceil(delayMs / 1000);
    world.log.warn({ server: this.#server() }, `${reason}; dialling again in ${seconds} s`);
    this.#at = (this.#at + 1) % urls.length;
    this.#state = "waiting";
    await pause(world, delayMs, this.#stopping.signal);
  }

  #connections(): Connection[] {
    return [...this.#leaving, ...this.#connection === null ? [] : [this.#connection]];
  }

  get #url(): URL {
    return this.options.urls[this.#at]!;
  }

  #connected(): void {
    const { register, world } = this.options;
    if (this.#state === "connecting") this.#state = "connected";
    for (const connection of this.#leaving) void connection.moveOut();
    const { models, max_parallel, name } = register();
    world.log.info({ server: this.#server(), models, max_parallel, name }, "connected");
  }

  /** Without the query, which some put secrets into. */
  #server(): string {
    const { origin, host, protocol, pathname } = this.#url;
    return `${origin === "null" ? `${protocol}//${host}` : origin}${pathname}`;
  }
}

/** How long upstreams may take to be let go. */
const CANCEL_WITHIN_MS = 2_000;
