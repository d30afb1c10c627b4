/** Finds out which kind of server a provider is, and reads what its own API says of its models. */

import type { World } from "../../world.ts";
import type { NativeApi } from "./native_api.ts";
import {
  type DetailsByModel,
  type ListHead,
  type ServerKind,
  type ServerName,
  type ServerReader,
} from "./server_kind.ts";
import { serverKinds } from "./server_kinds.ts";

/** What is known of a provider's server. */
export interface ServerFacts {
  name: ServerName | null;
  version: string | null;
  details: DetailsByModel;
}

/** How long a server of no known kind is not asked again. */
const LOOK_AGAIN_MS = 10 * 60_000;

const UNKNOWN: ServerFacts = { name: null, version: null, details: new Map() };

export class ModelServer {
  #kind: ServerKind | null = null;
  #reader: ServerReader | null = null;
  /** What the list said of the server when the kind was last looked for, and when that was. */
  #seen: string | null = null;
  #seenMs = 0;

  /** `isHosted`: the provider is a known service, whose own API is not looked for. */
  constructor(
    private readonly api: NativeApi,
    private readonly isHosted: boolean,
    private readonly world: Pick<World, "nowMs">,
  ) {}

  /** What is known now, given the provider's list: what was not answered before the abort is left out. */
  async facts(list: ListHead, signal: AbortSignal): Promise<ServerFacts> {
    if (this.isHosted || list.entries.length === 0) return UNKNOWN;
    await this.#identify(list, signal);
    if (this.#kind === null || this.#reader === null) return UNKNOWN;
    const report = await this.#reader.read(this.api, list.entries, signal);
    return { name: this.#kind.name, ...report };
  }

  async #identify(list: ListHead, signal: AbortSignal): Promise<void> {
    const owners = new Set(list.entries.map(({ owned_by }) => String(owned_by)));
    const seen = JSON.stringify([list.header, ...[...owners].sort()]);
    const nowMs = this.world.nowMs();
    const isRecent = this.#kind !== null || nowMs - this.#seenMs < LOOK_AGAIN_MS;
    if (seen === this.#seen && isRecent) return;
    const kind = serverKinds.find((one) => one.isIn(list)) ?? await this.#proven(signal);
    if (signal.aborted) return;
    this.#seen = seen;
    this.#seenMs = nowMs;
    if (kind !== this.#kind) this.#reader = kind?.reader() ?? null;
    this.#kind = kind;
  }

  async #proven(signal: AbortSignal): Promise<ServerKind | null> {
    const proven = await Promise.all(serverKinds.map(async ({ proof }) => {
      const answer = proof ? await this.api.get(proof.path, signal) : null;
      return answer !== null && proof!.isOwn(answer);
    }));
    return serverKinds[proven.indexOf(true)] ?? null;
  }
}
