/** Readiness: which states take a gateway out of a load balancer, and which are only reported. */

import { expect, test } from "bun:test";
import { Hono } from "hono";
import type { ClusterView } from "../cluster/cluster.ts";
import type { AppEnv } from "./env.ts";
import { isCutOff, readyz } from "./health.ts";
import type { AppParts } from "./parts.ts";

const whole: ClusterView = {
  isRedisUp: true,
  isJoining: false,
  gateways: 2,
  reachable: 2,
  remoteNodes: 0,
  waitingElsewhere: 0,
};

interface State {
  isStoreUp?: boolean;
  degraded?: boolean;
  isDraining?: boolean;
  cluster?: Partial<ClusterView>;
}

async function ready({ isStoreUp = true, degraded = false, isDraining = false, cluster }: State) {
  const parts = {
    store: { ping: () => isStoreUp ? Promise.resolve() : Promise.reject(new Error("away")) },
    limiter: { degraded },
    isDraining: () => isDraining,
    ledger: { pending: 3 },
    cluster: cluster === undefined ? null : { view: () => ({ ...whole, ...cluster }) },
  } as unknown as AppParts;
  const answer = await new Hono<AppEnv>().get("/", readyz(parts)).request("/");
  const json = await answer.json() as { status: string; checks: Record<string, unknown> };
  return { code: answer.status, ...json };
}

const states: [what: string, state: State, code: number, status: string][] = [
  ["alone and well", {}, 200, "ok"],
  ["without its database", { isStoreUp: false }, 200, "degraded"],
  ["without its limiter's Redis", { degraded: true }, 200, "degraded"],
  ["in a whole cluster", { cluster: {} }, 200, "ok"],
  ["that cannot reach another", { cluster: { reachable: 1 } }, 200, "degraded"],
  ["without the cluster's Redis", { cluster: { isRedisUp: false } }, 200, "degraded"],
  ["that is joining", { cluster: { isJoining: true } }, 503, "starting"],
  ["that drains", { isDraining: true }, 503, "draining"],
  [
    "that drains while joining",
    { isDraining: true, cluster: { isJoining: true } },
    503,
    "draining",
  ],
];
for (const [what, state, code, status] of states) {
  test(`a gateway ${what} answers ${code} ${status}`, async () => {
    expect(await ready(state)).toMatchObject({ code, status });
  });
}

test("each check says what is wrong", async () => {
  expect((await ready({})).checks).toEqual({ store: "ok", limiter: "ok", ledger_pending: 3 });
  const { checks } = await ready({
    isStoreUp: false,
    degraded: true,
    cluster: { reachable: 1 },
  });
  expect(checks).toEqual({
    store: expect.stringContaining("unavailable"),
    limiter: expect.stringContaining("redis unavailable"),
    ledger_pending: 3,
    cluster: "1 of 2 gateways cannot be reached from here",
  });
});

test("a gateway is cut off while it cannot reach another, or without Redis", () => {
  expect(isCutOff(whole)).toBe(false);
  expect(isCutOff({ ...whole, reachable: 1 })).toBe(true);
  expect(isCutOff({ ...whole, isRedisUp: false })).toBe(true);
});
