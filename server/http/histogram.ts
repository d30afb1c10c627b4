/** A histogram as Prometheus reads it. */

export interface Sample {
  value: number;
  labels?: Readonly<Record<string, string>>;
  /** Where it is not the family's name: a histogram's `…_bucket`, `…_sum` and `…_count`. */
  metricName?: string;
}

/** How many values were at most as large as each limit. */
export class Histogram {
  readonly #limits: readonly number[];
  /** For each limit the values above the limit before; at the end those above all limits. */
  readonly #counts: number[];
  #sum = 0;

  constructor(limits: readonly number[]) {
    this.#limits = limits;
    this.#counts = Array.from({ length: limits.length + 1 }, () => 0);
  }

  add(value: number): void {
    let index = 0;
    while (value > (this.#limits[index] ?? Infinity)) index++;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  samples(name: string): Sample[] {
    let total = 0;
    const buckets = this.#counts.map((count, index) => {
      const le = String(this.#limits[index] ?? "+Inf");
      return { metricName: `${name}_bucket`, labels: { le }, value: total += count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, value: this.#sum },
      { metricName: `${name}_count`, value: total },
    ];
  }
}
