/** A model server's prefix cache, simulated: the beginnings of conversations that it need not read again. */

export class PrefixCache {
  /** Digest of the first messages of a conversation → characters of the last of them; the ones used longest ago are first. */
  readonly #known = new Map<bigint, number>();
  #chars = 0;

  constructor(private readonly capacityChars: number) {}

  /** Reads a conversation; returns how many of its characters were known from the start on. */
  read(messages: readonly string[]): number {
    const digests = prefixDigests(messages);
    let known = 0;
    for (const digest of digests) {
      const chars = this.#known.get(digest);
      if (chars === undefined) break;
      known += chars;
    }
    messages.forEach((message, i) => this.#keep(digests[i]!, message.length));
    return known;
  }

  #keep(digest: bigint, chars: number): void {
    if (!this.#known.delete(digest)) this.#chars += chars;
    this.#known.set(digest, chars);
    for (const [oldest, size] of this.#known) {
      if (this.#chars <= this.capacityChars) return;
      this.#known.delete(oldest);
      this.#chars -= size;
    }
  }
}

function prefixDigests(messages: readonly string[]): bigint[] {
  let digest = 0n;
  return messages.map((message) => digest = BigInt(Bun.hash(message, digest)));
}
