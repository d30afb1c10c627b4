/** Figures of a gateway's /metrics, and how its histograms grow between two readings. */

import { ask } from "./api.ts";

/** Values so far within each limit; the last limit is Infinity. */
export type Buckets = ReadonlyMap<number, number>;

/** One reading of all figures. */
export class Reading {
  private constructor(private readonly text: string) {}

  static async of({ url }: { url: string }): Promise<Reading> {
    return new Reading((await ask(`${url}/metrics`)).text);
  }

  /** A figure without labels; NaN: there is none. */
  value(name: string): number {
    return Number(new RegExp(`^${name} (\\S+)`, "m").exec(this.text)?.[1]);
  }

  histogram(name: string): Buckets {
    const lines = this.text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)`, "gm"));
    return new Map(
      [...lines].map(([, le, value]) => [le === "+Inf" ? Infinity : Number(le), Number(value)]),
    );
  }
}

/** Bytes of memory that a gateway uses now. */
export async function memoryOf(gateway: { url: string }): Promise<number> {
  return (await Reading.of(gateway)).value("process_resident_memory_bytes");
}

/** The limit within which lay such a share of the values that came between the readings: 0.99, or 1 for all of them. */
export function limitOf(before: Buckets, after: Buckets, share: number): number {
  const grown = [...after].map(([limit, value]) => ({
    limit,
    value: value - (before.get(limit) ?? 0),
  }));
  const all = grown.at(-1)?.value ?? 0;
  return grown.find(({ value }) => value >= share * all)?.limit ?? 0;
}
