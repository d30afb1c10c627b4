/** Keeps a node connected until it is stopped: dials, serves, backs off, dials again, drains. */

import { CloseCode, type RegisterV2 } from "../../protocol/mod.ts";
import { Backoff } from "./backoff.ts";
import { Connection } from "./connection.ts";
import type { Runner } from "../run/runner.ts";
import { pause, type World } from "../world.ts";

/** How long upstreams may take to stop once their calls are cancelled. */
const CANCEL_WITHIN_MS = 2_000;

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
  /** Links to gateways that leave: calls over them finish there. */
  readonly #leaving = new Set<Connection>();
  /** The time within which the last gateway that leaves asked its nodes to dial again. */
  #redialWithinMs = 0;
  #urlIndex = 0;
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

  /** Begins to dial, until it is stopped. Harmless twice. */
  start(): void {
    if (this.#state !== "idle") return;
    void this.#run();
  }

  /** Tells the gateway which models the node has now; without a connection, the next REGISTER does. */
  announceModels(): void {
    this.#connection?.announceModels();
  }

  /** Takes no new calls, lets running ones finish for at most `graceMs`, then leaves. */
  async stop(graceMs: number): Promise<void> {
    if (this.#state === "stopped") return;
    const { runner, world } = this.options;
    const reason = "this node is leaving";
    this.#state = "draining";
    runner.drain();
    for (const link of this.#links()) link.announceStatus({ state: "draining", reason });
    this.#stopping.abort();
    await this.#finishCalls(graceMs);
    runner.cancelAll();
    await this.#finishCalls(CANCEL_WITHIN_MS);
    const links = this.#links();
    for (const link of links) link.close(CloseCode.normal, reason);
    await Promise.all(links.map(({ ended }) => ended));
    // A second stop with a shorter grace may have come here first.
    if (this.state === "stopped") return;
    this.#state = "stopped";
    world.log.info(runner.totals, "stopped");
  }

  async #finishCalls(withinMs: number): Promise<void> {
    const idle = new AbortController();
    const whenIdle = this.options.runner.idle().then(() => idle.abort());
    await Promise.race([whenIdle, pause(this.options.world, withinMs, idle.signal)]);
  }

  async #run(): Promise<void> {
    let asksForV2 = true;
    while (!this.#stopping.signal.aborted) {
      this.#state = "connecting";
      const link = this.#dial(asksForV2);
      const outcome = await Promise.race([link.ended, link.leaving]);
      this.#connection = null;
      if ("redialWithinMs" in outcome) this.#leave(link, outcome.redialWithinMs);
      if (this.#stopping.signal.aborted) return;
      if ("redialWithinMs" in outcome) {
        await this.#wait("the gateway is leaving", this.#backoff.withinMs(this.#redialWithinMs));
        continue;
      }
      asksForV2 = !asksForV2 || outcome.knowsOnlyV1 !== true;
      // Dialled again at once: the same server takes nodes that do not ask for v2.
      if (!asksForV2) continue;
      this.#lastProblem = outcome.reason;
      await this.#wait(outcome.reason, this.#delayAfter(outcome));
    }
  }

  #dial(asksForV2: boolean): Connection {
    return this.#connection = new Connection({
      ...this.options,
      url: this.#url,
      asksForV2,
      onRegistered: () => this.#registered(),
    });
  }

  /** Running calls stay on the link; new ones come through the next gateway. */
  #leave(link: Connection, redialWithinMs: number): void {
    this.#redialWithinMs = redialWithinMs;
    this.#leaving.add(link);
    void link.ended.then(() => this.#leaving.delete(link));
  }

  /** While a gateway that leaves still serves calls, its own pace holds: growing waits would gain nothing. */
  #delayAfter({ livedMs, needsOwner }: { livedMs: number; needsOwner: boolean }): number {
    return this.#leaving.size > 0
      ? this.#backoff.withinMs(this.#redialWithinMs)
      : this.#backoff.afterMs(livedMs, needsOwner);
  }

  /** Waits before the next address is dialled. */
  async #wait(reason: string, delayMs: number): Promise<void> {
    const { world, urls } = this.options;
    const seconds = Math.ceil(delayMs / 1000);
    world.log.warn({ server: this.#server() }, `${reason}; dialling again in ${seconds} s`);
    this.#urlIndex = (this.#urlIndex + 1) % urls.length;
    this.#state = "waiting";
    await pause(world, delayMs, this.#stopping.signal);
  }

  #registered(): void {
    const { register, world } = this.options;
    if (this.#state === "connecting") this.#state = "connected";
    for (const link of this.#leaving) void link.retire();
    const { models, max_parallel, name } = register();
    world.log.info({ server: this.#server(), models, max_parallel, name }, "connected");
  }

  #links(): Connection[] {
    return [...this.#leaving, ...this.#connection === null ? [] : [this.#connection]];
  }

  get #url(): URL {
    return this.options.urls[this.#urlIndex]!;
  }

  /** The address without its query, which may hold secrets. */
  #server(): string {
    const { protocol, host, pathname } = this.#url;
    return `${protocol}//${host}${pathname}`;
  }
}
