/** The processor time of all programs together, as the runtime counts it. */

import { cpus } from "node:os";

/** In milliseconds since the system's start. */
export function cpuTotals(): { busy: number; total: number } {
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    const sum = Object.values(times).reduce((all, one) => all + one, 0);
    total += sum;
    busy += sum - times.idle;
  }
  return { busy, total };
}
