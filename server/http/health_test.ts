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
  versions: [],
  remoteNodes: 0,
  carriedNodes: 0,
  attemptsAway: 0,
  waitingElsewhere: 0,
};

interface State {
  isStoreUp?: boolean;
  degraded?: boolean;
  ledger?: string | null;
  isDraining?: boolean;
  cluster?: Partial<ClusterView>;
}

async function ready(state: State) {
  const { isStoreUp = true, degraded = false, ledger = null, isDraining = false, cluster } = state;
  const parts = {
    store: { trouble: isStoreUp ? null : "it does not answer" },
    limiter: { trouble: degraded ? "it refuses writes: OOM" : null },
    isDraining: () => isDraining,
    ledger: { pending: 3, spooled: 7, trouble: ledger },
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
  ["that cannot make ended calls durable", { ledger: "the data folder is full" }, 200, "degraded"],
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
  expect((await ready({})).checks).toEqual({
    store: "ok",
    limiter: "ok",
    ledger: "ok",
    ledger_pending: 3,
    ledger_spooled: 7,
  });
  const { checks } = await ready({
    isStoreUp: false,
    degraded: true,
    ledger: "the data folder is full",
    cluster: { reachable: 1 },
  });
  expect(checks).toEqual({
    store: expect.stringContaining("unavailable (it does not answer)"),
    limiter: expect.stringContaining("redis unavailable (it refuses writes: OOM)"),
    ledger: "the data folder is full",
    ledger_pending: 3,
    ledger_spooled: 7,
    cluster: "1 of 2 gateways cannot be reached from here",
  });
});

test("a gateway is cut off while it cannot reach another, or without Redis", () => {
  expect(isCutOff(whole)).toBe(false);
  expect(isCutOff({ ...whole, reachable: 1 })).toBe(true);
  expect(isCutOff({ ...whole, isRedisUp: false })).toBe(true);
});
