/** Shares with each peer what this gateway has measured of nodes, so that one that moves is known where it comes to. */

import type { Clock } from "../base/clock.ts";
import { MAX_MODEL_NAME_CHARS } from "../../protocol/mod.ts";
import type { SpeedRecord } from "../schedule/policy/node_speed.ts";
import type { Policies, SharedSpeed } from "../schedule/policy/policy.ts";
import type { PeerMessage, PeerSpeed } from "./peer_message.ts";

/** How often what was measured since is shared, at most. */
const SHARE_EVERY_MS = 5_000;

/** Speeds in one message, and so in one round: the latest. Those left out are shared once they are measured again. */
const MAX_PER_MESSAGE = 500;

/** Speeds that a new peer is sent. */
const MAX_FOR_NEW_PEER = 5_000;

export interface SpeedExchangeParts {
  clock: Clock;
  policies: Policies;
  peers: () => Iterable<string>;
  send: (peer: string, message: PeerMessage) => void;
}

export class SpeedExchange {
  #sharedMs = 0;

  constructor(private readonly parts: SpeedExchangeParts) {}

  /** Called about once a second. */
  beat(): void {
    const { clock, peers, send } = this.parts;
    const nowMs = clock.monotonic();
    if (nowMs - this.#sharedMs < SHARE_EVERY_MS) return;
    const speeds = this.#measuredSince(this.#sharedMs, MAX_PER_MESSAGE);
    this.#sharedMs = nowMs;
    if (speeds.length === 0) return;
    for (const peer of peers()) send(peer, { is: "speeds", speeds });
  }

  peerLinked(peer: string): void {
    const speeds = this.#measuredSince(-Infinity, MAX_FOR_NEW_PEER);
    for (let i = 0; i < speeds.length; i += MAX_PER_MESSAGE) {
      this.parts.send(peer, { is: "speeds", speeds: speeds.slice(i, i + MAX_PER_MESSAGE) });
    }
  }

  /** Speeds of a peer. What another version sends in another shape is left out. */
  receive(speeds: readonly PeerSpeed[]): void {
    const { clock, policies } = this.parts;
    const nowMs = clock.monotonic();
    if (!Array.isArray(speeds)) return;
    for (const shared of speeds.slice(0, MAX_PER_MESSAGE)) {
      if (!isPeerSpeed(shared)) continue;
      const { node: nodeKey, model, endpoint, age_ms, speed } = shared;
      const service = { model, endpoint };
      policies(model).adopt?.({ nodeKey, service, measuredMs: nowMs - age_ms, speed });
    }
  }

  #measuredSince(sinceMs: number, most: number): PeerSpeed[] {
    const { clock, policies } = this.parts;
    const nowMs = clock.monotonic();
    const found: PeerSpeed[] = [];
    for (const policy of policies.all) {
      for (const shared of policy.measuredSince?.(sinceMs) ?? []) {
        if (found.length === most) return found;
        found.push(peerSpeed(shared, nowMs));
      }
    }
    return found;
  }
}

function peerSpeed(
  { nodeKey, service: { model, endpoint }, measuredMs, speed }: SharedSpeed,
  nowMs: number,
): PeerSpeed {
  return { node: nodeKey, model, endpoint, age_ms: Math.round(nowMs - measuredMs), speed };
}

/** Gateways of other versions may know other fields. */
function isPeerSpeed(value: unknown): value is PeerSpeed {
  const { node, model, endpoint, age_ms, speed } = (value ?? {}) as Partial<PeerSpeed>;
  return [node, model, endpoint].every(isName) && isAmount(age_ms) && isSpeed(speed);
}

function isSpeed(value: unknown): boolean {
  const speed = (value ?? {}) as Partial<SpeedRecord>;
  const { slowdowns, read_slowdowns = [], fit, hit_rate = 2, first_error, end_error } = speed;
  const { ms_per_token, load_ms, hits_looked, answers, log_tokens, late_ms = 0 } = speed;
  const amounts = [ms_per_token, load_ms, hit_rate, hits_looked, answers, log_tokens, late_ms];
  return amounts.every(isAmount) &&
    hit_rate <= 1 && Array.isArray(slowdowns) && Array.isArray(read_slowdowns) &&
    [...slowdowns, ...read_slowdowns, first_error, end_error].every((one) =>
      one === null || isAmount(one)
    ) &&
    (fit === null || Array.isArray(fit) && fit.length === 4 && fit.every(isAmount));
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length <= MAX_MODEL_NAME_CHARS;
}

/** From 0 up to 1e18, which no sum of them takes to infinity. */
function isAmount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 1e18;
}
