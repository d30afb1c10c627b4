/** How a gateway stops: nothing new, then running calls, nodes, callers' sockets and the store, in this order. */

import { CloseCode } from "../protocol/mod.ts";
import type { Clock } from "./base/clock.ts";
import type { Config } from "./base/config.ts";
import type { Log } from "./base/log.ts";
import { SETTLED_WITHIN_MS } from "./call/running_call.ts";
import type { Listener } from "./listener.ts";
import type { GatewayParts } from "./gateway_parts.ts";

/** Nodes redial spread over this time each, and over a second at least, so that they do not all return at once. */
const REDIAL_MS_PER_NODE = 5;
const MIN_REDIAL_MS = 1_000;

/** How much longer than its redial a node may take to move to another gateway. */
const MOVE_MARGIN_MS = 1_000;

/** How long a call goes on whose caller has left, and may come back at another gateway. */
const LINGER_MS = 10_000;

/** How long calls that are cut off may take until they are recorded. */
const CUT_OFF_MS = SETTLED_WITHIN_MS + 500;

/** How long kept answers may be given to other gateways. */
const HAND_OVER_MS = 3_000;

/** How long each last step may take, even after a second stop. */
const LAST_STEP_MS = 1_000;

export class Shutdown {
  #hasBegun = false;
  #running: Promise<void> | null = null;
  /** Resolved by the second stop. */
  readonly #hurry = Promise.withResolvers<void>();

  constructor(
    private readonly config: Pick<Config, "drainMs">,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Stops the gateway. The second call ends every wait for calls and for callers that read. */
  run(parts: GatewayParts, listener: Listener): Promise<void> {
    if (this.#running !== null) this.#hurry.resolve();
    return this.#running ??= this.#stop(parts, listener);
  }

  async #stop(parts: GatewayParts, listener: Listener): Promise<void> {
    const { calls, cluster, links, live, sharedAnswers } = parts;
    const { drainMs } = this.config;
    this.#hasBegun = true;
    const untilMs = this.clock.monotonic() + drainMs;
    const redialMs = Math.max(MIN_REDIAL_MS, links.size * REDIAL_MS_PER_NODE);
    cluster?.drain(redialMs + MOVE_MARGIN_MS);
    // Their callers can only come back over another gateway.
    sharedAnswers.drain((cluster?.view().reachable ?? 1) > 1 ? LINGER_MS : 0);
    live.close();
    this.log.info(
      { calls: calls.size, seconds: drainMs / 1000 },
      "stopping: running calls may end",
    );
    links.goAway("it is restarting", redialMs);
    await this.#patiently(drainMs, this.#idle(parts));
    calls.stopAll("shutting_down");
    // What became of the calls is known once they have ended; another gateway gives it to callers who come back.
    await this.#within(CUT_OFF_MS, calls.idle());
    await this.#handOver(sharedAnswers);
    // Before the nodes leave: other gateways must see this gateway go, not each of its nodes.
    await cluster?.stop();
    links.stop();
    links.closeAll(CloseCode.restart, "The gateway is restarting");
    // Complete answers may still lie in the sockets' buffers.
    const flushed = listener.stop(false);
    await this.#patiently(LAST_STEP_MS, flushed);
    links.dropAll();
    await this.#patiently(untilMs - this.clock.monotonic(), flushed);
    await listener.stop(true);
    // Calls that were cut off end without their nodes: each must be recorded before the ledger closes.
    await this.#within(LAST_STEP_MS, calls.idle());
    await closeStores(parts);
    this.log.info({}, "stopped");
  }

  /** Gives what is kept for callers to another gateway. */
  async #handOver(sharedAnswers: GatewayParts["sharedAnswers"]): Promise<void> {
    const ended = new AbortController();
    const moving = sharedAnswers.handOver(ended.signal);
    await this.#patiently(HAND_OVER_MS, moving);
    ended.abort();
  }

  /** Resolves when no call runs, and no caller may come back over another gateway. */
  async #idle({ calls, cluster, sharedAnswers }: GatewayParts): Promise<void> {
    await Promise.all([calls.idle(), cluster?.idle()]);
    // For what another gateway has, no caller is waited for here.
    await this.#handOver(sharedAnswers);
    await sharedAnswers.idle();
  }

  /** Waits for the work, but no longer than `ms`, nor after the second stop. */
  #patiently(ms: number, work: Promise<unknown>): Promise<void> {
    return this.#within(ms, Promise.race([work, this.#hurry.promise]));
  }

  /** Waits for the work, but no longer than `ms`. */
  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const limit = Promise.withResolvers<void>();
    const cancel = this.clock.after(ms, limit.resolve);
    await Promise.race([work, limit.promise]);
    cancel();
  }
}

/** Ends the background work on the store, writes what waits for it, and closes it. */
async function closeStores(parts: GatewayParts): Promise<void> {
  const { keyring, settings, groups, lent, names, audiences, retention, folder, probe, register } =
    parts;
  const { ledger, limits, store, providerChecks } = parts;
  const polls = [
    keyring,
    settings,
    groups,
    lent,
    providerChecks,
    names,
    audiences,
    retention,
    folder,
    probe,
    register,
  ];
  for (const part of [...polls, ledger, limits, store]) {
    await part.close();
  }
}
