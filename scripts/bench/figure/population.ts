/** What accounts, groups and aliases cost the calls of others: a gateway that has many beside one that has none. */

import { join } from "node:path";
import { silentLog } from "../../../server/base/log.ts";
import { openStore } from "../../../server/store/open.ts";
import { chatBody } from "../chat.ts";
import { Crowd } from "../crowd.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { interleaved, over } from "../rounds.ts";
import { atMost, type Goal, type Row } from "../row.ts";
import type { Bench, Stage } from "../stage.ts";
import { cpuPerCall, gatewaySample } from "../wrk_sample.ts";
import type { Figure } from "./figure.ts";

const ACCOUNTS = 1_000;
const GROUPS = 50;
const ALIASES = 100;
/** Each tenth alias is a pattern. */
const PATTERN_EVERY = 10;

const MODEL = "bench-populated";
const ALIAS = "alias-7";
const CONNECTIONS = 50;

export const populationFigure: Figure = {
  name: "population",
  about: "calls beside many accounts, groups and aliases",
  measure: ({ bench }: Stage) => measure(bench),
};

async function measure(bench: Bench): Promise<Row[]> {
  const start = async (name: string) => {
    const folder = join(bench.folder, name);
    const gateway = await startGateway({ folder, cores: bench.cores.measured });
    const crowd = new Crowd(gateway);
    await crowd.grow(MODEL, 1);
    return { folder, gateway, crowd };
  };
  const [empty, full] = [await start("unpopulated"), await start("populated")];
  await populate(full.folder);
  // Groups and aliases are looked for every two seconds.
  await untilAnswered(full.gateway, ALIAS);
  const load = ({ gateway }: { gateway: Gateway }, model: string) => () =>
    gatewaySample(bench, gateway, model, CONNECTIONS);
  const measured = await interleaved({
    empty: load(empty, MODEL),
    full: load(full, MODEL),
    alias: load(full, ALIAS),
  }, bench.size);
  for (const { gateway, crowd } of [empty, full]) {
    await crowd.stop();
    await gateway.process.stop();
  }
  const base = over(measured, (r) => cpuPerCall(r.empty, "gateway")).median;
  const rowOf = (figure: string, loaded: "full" | "alias", goal?: Goal): Row => ({
    figure,
    unit: "µs",
    gateway: over(measured, (r) => cpuPerCall(r[loaded], "gateway")),
    compared: over(
      measured,
      (r) => cpuPerCall(r[loaded], "gateway") / cpuPerCall(r.empty, "gateway"),
    ),
    ...(goal && { goal }),
    conditions: measured.conditions,
    note: `One scripted node answers. Without them: ${base.toFixed(1)} µs.`,
  });
  const many = `${ACCOUNTS.toLocaleString("en")} accounts, ${GROUPS} groups and ${ALIASES} aliases`;
  return [
    rowOf(`CPU per request with ${many}`, "full", atMost(1.05, "× without")),
    rowOf(`CPU per request to one of ${ALIASES} aliases`, "alias"),
  ];
}

/** Writes into the store of a gateway that runs. Each account is in one group, the caller's in the first one. */
async function populate(dataDir: string): Promise<void> {
  const store = await openStore({ databaseUrl: null, dataDir, log: silentLog });
  try {
    const ids = (await store.users.page({ limit: 1 })).map(({ id }) => id);
    for (let i = 0; i < ACCOUNTS; i++) {
      const id = crypto.randomUUID();
      ids.push(id);
      await store.addAccount({
        id,
        email: `account-${i}@bench.local`,
        passwordHash: "",
        role: "user",
        createdAt: i,
        disabledAt: null,
        deletedAt: null,
        rpm: null,
        models: null,
        budget: null,
        weight: i % 10 === 0 ? 200 : null,
        totalApiCalls: 0,
        totalProvidedCalls: 0,
      }, []);
    }
    for (let group = 0; group < GROUPS; group++) {
      const id = `grp_${group}`;
      await store.groups.add({
        id,
        name: `Group ${group}`,
        weight: 100 + group,
        membersSeeNodes: false,
        budget: null,
        createdAt: group,
      });
      const add = ids.filter((_, at) => at % GROUPS === group);
      await store.groups.changeMembers(id, { add, remove: [], now: 1 });
    }
    for (let alias = 0; alias < ALIASES; alias++) {
      const name = alias % PATTERN_EVERY === 0 ? `pattern-${alias}-*` : `alias-${alias}`;
      const targets = [{ model: MODEL }, { model: "another" }];
      await store.names.changeShared(
        "alias",
        name,
        Infinity,
        () => JSON.stringify({ name, targets }),
      );
    }
  } finally {
    await store.close();
  }
}

async function untilAnswered({ port, token }: Gateway, model: string): Promise<void> {
  const endMs = performance.now() + 30_000;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: chatBody({ model, streaming: null }),
    });
    const text = await answer.text();
    if (answer.ok) return;
    if (performance.now() > endMs) throw new Error(`Cannot measure: ${model}: ${text}`);
    await Bun.sleep(200);
  }
}
