/** What one unit of work costs: the gateway beside nginx, beside the bare relay, and beside its node. */

import { type Measurement, over, type Sample } from "./rounds.ts";
import { atMost, type Row } from "./row.ts";

export interface MeasuredCosts<S extends Sample> {
  /** What the unit is, and under which load. */
  figure: string;
  measured: Measurement<"nginx" | "floor" | "gateway", S>;
  /** Microseconds of processor time a unit, used by the process watched under `name`. */
  cost: (sample: S, name: string) => number;
  /** What the gateway may cost, as a multiple of what the others do. */
  limits: { nginx: number; floor?: number };
}

export function costRows<S extends Sample>(
  { figure, measured, cost, limits }: MeasuredCosts<S>,
): Row[] {
  const { conditions } = measured;
  const nginx = over(measured, (r) => cost(r.nginx, "nginx"));
  const floor = over(measured, (r) => cost(r.floor, "floor"));
  const gateway = over(measured, (r) => cost(r.gateway, "gateway"));
  const node = over(measured, (r) => cost(r.gateway, "node"));
  const beside = (name: "nginx" | "floor") =>
    over(measured, (r) => cost(r.gateway, "gateway") / cost(r[name], name));
  const nodeShare = over(measured, (r) => cost(r.gateway, "node") / cost(r.gateway, "gateway"));
  const common = { unit: "µs", conditions };
  return [
    {
      figure,
      nginx,
      gateway,
      node,
      compared: beside("nginx"),
      goal: atMost(limits.nginx, "× nginx"),
      ...common,
    },
    {
      figure: `Against the floor: ${figure}`,
      floor,
      gateway,
      compared: beside("floor"),
      ...(limits.floor === undefined ? {} : { goal: atMost(limits.floor, "× floor") }),
      ...common,
    },
    {
      figure: `Node: ${figure}`,
      node,
      compared: nodeShare,
      goal: atMost(1, "× gateway"),
      ...common,
    },
  ];
}
