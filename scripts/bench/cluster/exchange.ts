/** Redis, as far as gateways use it among themselves, in this process's memory: every byte counted. */

import type {
  Bus,
  Message,
  NodeChange,
  NodeList,
  PenaltyNotice,
  Presence,
  Roll,
} from "../../../server/cluster/bus.ts";
import type { Clock } from "../../../server/base/clock.ts";

/** What a message takes from one gateway to the others. */
const DELIVERY_MS = 1;

export class Exchange {
  readonly presences = new Map<string, Presence>();
  readonly lists = new Map<string, NodeList>();
  readonly #subscriber = new Set<MemoryBus>();
  /** Of signs of life and their answers, and of changes that were told, each to one gateway. */
  beatBytes = 0;
  beats = 0;
  toldBytes = 0;
  told = 0;
  #fence = 0;

  constructor(readonly clock: Clock) {}

  bus(): MemoryBus {
    const bus = new MemoryBus(this);
    this.#subscriber.add(bus);
    return bus;
  }

  nextFence(): number {
    return ++this.#fence;
  }

  publish(message: Message): void {
    this.told++;
    const text = JSON.stringify(message);
    this.toldBytes += text.length;
    this.clock.after(DELIVERY_MS, () => {
      for (const bus of this.#subscriber) bus.onMessage(JSON.parse(text) as Message);
    });
  }
}

class MemoryBus implements Bus {
  onMessage: (message: Message) => void = () => {};
  onHearing: () => void = () => {};

  constructor(private readonly exchange: Exchange) {}

  async opened(): Promise<void> {}

  beat(presence: Presence, fence: number): Promise<Roll> {
    const { presences, clock } = this.exchange;
    presences.set(presence.id, presence);
    const text = JSON.stringify([...presences.values()]);
    this.exchange.beats++;
    this.exchange.beatBytes += text.length;
    const gateways = JSON.parse(text) as Presence[];
    const held = fence === 0 ? this.exchange.nextFence() : fence;
    return Promise.resolve({ nowMs: clock.now(), fence: held, gateways });
  }

  write(id: string, _fence: number, { seq, put, gone }: NodeChange): Promise<boolean> {
    const left = new Set(gone);
    const came = new Set(put.map(({ who }) => who.id));
    const nodes = this.exchange.lists.get(id)?.nodes ?? [];
    const stay = nodes.filter(({ who }) => !left.has(who.id) && !came.has(who.id));
    this.exchange.lists.set(id, { seq, nodes: [...stay, ...put] });
    return Promise.resolve(true);
  }

  /** A copy, as it would be read from a socket. */
  read(id: string): Promise<NodeList> {
    const list = this.exchange.lists.get(id) ?? { seq: 0, nodes: [] };
    return Promise.resolve(JSON.parse(JSON.stringify(list)) as NodeList);
  }

  tell(message: Message): Promise<void> {
    this.exchange.publish(message);
    return Promise.resolve();
  }

  readPenalties(): Promise<PenaltyNotice[]> {
    return Promise.resolve([]);
  }

  async leave(): Promise<void> {}
  async writeLoads(): Promise<void> {}
  async writePenalty(): Promise<void> {}
  async erasePenalty(): Promise<void> {}
  close(): void {}
}
