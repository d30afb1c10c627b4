/** How soon slots of fast nodes become free, as far as the expected ends of their running calls say. */

/** Steps of the cost: 1.1 to the power of 255 ms is as good as never. */
const STEPS = 256;

const POWERS = Float64Array.from({ length: STEPS }, (_, exponent) => 1.1 ** exponent);

/** The running calls of one node. */
export class NodeEnds {
  /** Of the node's cost when its latest call began. */
  step = 0;
  count = 0;
  /** Ends per millisecond. */
  rate = 0;
  /** Whether they count: the node takes new calls. */
  isOpen = false;
}

/**
 * Running calls by the step of their nodes' cost. How long an answer will still be is as good as
 * unknown, however long it is already: so a call that is expected to take `ms` is taken to end within
 * any moment with the same probability, one in `ms` per millisecond, and those of several calls add up.
 */
export class SlotEnds {
  /** Ends per millisecond. */
  readonly #rates = new Float64Array(STEPS);
  readonly #counts = new Uint32Array(STEPS);
  #size = 0;
  /** No call runs on a node of a lower step. */
  #lowest = STEPS;

  /** How many calls run, on nodes that take no new ones, too. */
  get size(): number {
    return this.#size;
  }

  /** A call has begun on the node, whose cost is of this step now, and is expected to take so long. */
  add(node: NodeEnds, step: number, ms: number): void {
    const kept = Math.min(STEPS - 1, Math.max(0, step));
    if (node.isOpen && node.step !== kept) this.close(node);
    node.step = kept;
    const rate = rateOf(ms);
    this.#size++;
    node.count++;
    node.rate += rate;
    if (node.isOpen) this.#count(kept, 1, rate);
    else this.open(node);
  }

  /** A call of the node that was added with this time has ended. */
  remove(node: NodeEnds, ms: number): void {
    const rate = rateOf(ms);
    this.#size--;
    node.count--;
    node.rate = node.count === 0 ? 0 : node.rate - rate;
    if (!node.isOpen) return;
    this.#count(node.step, -1, -rate);
    if (node.count === 0) node.isOpen = false;
  }

  /** The node takes no new calls: the slots that its running calls give back are of no use. */
  close(node: NodeEnds): void {
    if (!node.isOpen) return;
    node.isOpen = false;
    this.#count(node.step, -node.count, -node.rate);
  }

  /** The node takes new calls, as one does that is given one. */
  open(node: NodeEnds): void {
    if (node.isOpen || node.count === 0) return;
    node.isOpen = true;
    this.#count(node.step, node.count, node.rate);
  }

  #count(step: number, calls: number, rate: number): void {
    const count = this.#counts[step]! += calls;
    // Sums of differences would drift away from 0.
    this.#rates[step] = count === 0 ? 0 : this.#rates[step]! + rate;
    if (calls > 0 && step < this.#lowest) this.#lowest = step;
    while (this.#lowest < STEPS && this.#counts[this.#lowest] === 0) this.#lowest++;
  }

  /** Whether calls run on nodes of lower steps than this one. */
  hasBelow(step: number): boolean {
    return step > this.#lowest;
  }

  /**
   * The best that a call can expect which waits for a node of a lower step than this one, where its
   * answer would cost `costMs`; null: no call runs on such a node. `ahead` calls get their slots
   * before it; a millisecond of waiting costs `waitCost`.
   */
  best(
    step: number,
    costMs: number,
    ahead: number,
    waitCost: number,
  ): { waitMs: number; runMs: number } | null {
    if (step <= this.#lowest) return null;
    const end = Math.min(step, STEPS);
    let rate = 0;
    let bestMs = Infinity;
    let waitMs = 0;
    let runMs = 0;
    for (let lower = this.#lowest; lower < end; lower++) {
      if (this.#counts[lower] === 0) continue;
      rate += this.#rates[lower]!;
      const wait = (ahead + 1) / rate;
      const run = costMs / POWERS[end - lower]!;
      if (wait * waitCost + run >= bestMs) continue;
      bestMs = wait * waitCost + run;
      waitMs = wait;
      runMs = run;
    }
    return { waitMs, runMs };
  }
}

function rateOf(ms: number): number {
  return 1 / Math.max(1, ms);
}
