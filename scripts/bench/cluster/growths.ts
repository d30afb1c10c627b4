/** How a network grows, size by size: each in a process of its own, so that memory is its own too. */

import { join } from "node:path";
import { run } from "../../program.ts";
import type { Growth } from "./growth.ts";

const SIZES: readonly (readonly [gateways: number, nodes: number])[] = [
  [1, 10_000],
  [3, 10_000],
  [10, 100_000],
  [30, 300_000],
  [100, 1_000_000],
];

/** One line a size. The largest needs about 6 GiB. */
export async function growths(): Promise<string[]> {
  const lines = [];
  for (const [gateways, nodes] of SIZES) {
    const script = join(import.meta.dir, "growth.ts");
    const command = [process.execPath, script, String(gateways), String(nodes)];
    const { code, output } = await run(command);
    if (code !== 0) throw new Error(`Cannot simulate ${gateways} gateways: ${output}`);
    const growth = JSON.parse(output) as Growth;
    lines.push(Object.entries(growth).map(([what, value]) => `${what} ${value}`).join(", "));
  }
  return lines;
}
