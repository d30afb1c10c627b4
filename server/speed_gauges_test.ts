import { expect, test } from "bun:test";
import { seeded } from "./base/testing/random.ts";
import { World } from "./call/testing/world.ts";
import { Metrics } from "./http/metrics.ts";
import { Budgets } from "./base/budgets.ts";
import { nodeMeasures } from "./node_measures.ts";
import type { Lease } from "./schedule/lease.ts";
import { speedGauges } from "./speed_gauges.ts";

/** A world in which nodes write a token in so many milliseconds and read a character in a tenth of that. */
function measuredWorld(msPerToken: Record<string, number>, calls = 200) {
  const world = new World({ policy: "auto", trustsNodes: true }, seeded(5));
  const nodes = Object.keys(msPerToken).map((name) => world.node(name, 4).node);
  const random = seeded(6);
  for (let i = 0; i < calls; i++) {
    const call = world.call({ stream: true, messages: ["x".repeat(Math.floor(random() * 900))] });
    const lease = world.lease(call) as Lease;
    const each = msPerToken[lease.node.who.publicId]!;
    const firstTokenMs = call.request.body.bytes.length * each / 10;
    const durationMs = firstTokenMs + 100 * each;
    world.answers(lease, call, { firstTokenMs, durationMs, completionTokens: 100 });
  }
  return { world, nodes };
}

test("a node's measures say how fast it reads and writes, and how far the expectations were off", () => {
  const { world, nodes: [node] } = measuredWorld({ a: 20, b: 21 });
  const measures = nodeMeasures(node!, world.policies, world.clock);
  expect(measures).toHaveLength(1);
  const [measure] = measures;
  expect(measure).toMatchObject({
    model: "m",
    endpoint: "/v1/chat/completions",
    measured_at: world.clock.now(),
    load_ms: null,
    prefix_hit_rate: null,
  });
  expect(measure!.prefill_chars_per_second).toBeWithin(450, 550);
  expect(measure!.decode).toHaveLength(1);
  expect(measure!.decode[0]!.running).toBe(1);
  expect(measure!.decode[0]!.tokens_per_second).toBeWithin(48, 52);
  expect(measure!.first_token_error).toBeWithin(0, 0.2);
  expect(measure!.end_error).toBeWithin(0, 0.2);
});

test("nothing is said of a node that was not measured, or under a policy that does not measure", () => {
  const { world } = measuredWorld({ a: 20 });
  const { node } = world.node("new");
  expect(nodeMeasures(node, world.policies, world.clock)).toEqual([]);
  const other = new World({ policy: "least-busy" });
  expect(nodeMeasures(other.node("a").node, other.policies, other.clock)).toEqual([]);
});

test("metrics have quantiles over all nodes: no names, and no more series with more nodes", async () => {
  const scrape = async (count: number) => {
    const speeds = Array.from({ length: count }, (_, i): [string, number] => [`secret-${i}`, 20]);
    const { world } = measuredWorld(Object.fromEntries(speeds), count * 60);
    const metrics = new Metrics(speedGauges(world.policies, world.clock), new Budgets());
    const lines = (await metrics.scrape()).text.split("\n");
    return lines.filter((line) => /^colink_(node_|expected_)/.test(line));
  };
  const few = await scrape(2);
  const many = await scrape(30);
  expect(many.length).toBe(few.length);
  expect(many.length).toBeLessThanOrEqual(37);
  expect(many.join()).not.toContain("secret");
  expect(many).toContain("colink_node_speeds 30");
  const median = (name: string) => {
    const line = many.find((one) => one.startsWith(name) && one.includes(`quantile="0.5"`));
    return Number(line!.split(" ").at(-1));
  };
  expect(median(`colink_node_decode_tokens_per_second{running="1"`)).toBeWithin(45, 55);
  expect(median("colink_node_prefill_chars_per_second")).toBeWithin(400, 600);
  expect(median("colink_expected_end_error_ratio")).toBeLessThan(0.3);
});

test("a scrape within five seconds of another one computes nothing again", async () => {
  const { world } = measuredWorld({ a: 20, b: 20 });
  const gauges = speedGauges(world.policies, world.clock);
  const samples = () => Object.values(gauges).slice(1).map(({ read }) => read());
  const first = samples();
  await world.clock.pass(4_999);
  samples().forEach((one, i) => expect(one).toBe(first[i]!));
  await world.clock.pass(1);
  samples().forEach((one, i) => expect(one).not.toBe(first[i]!));
});

test("speeds are collected at most once in five seconds, however often metrics are asked for", async () => {
  const { world } = measuredWorld({ a: 20, b: 20 });
  const gauges = speedGauges(world.policies, world.clock);
  const count = () => gauges["colink_node_speeds"]!.read();
  expect(count()).toBe(2);
  world.node("c");
  for (let i = 0; i < 100; i++) {
    const call = world.call({ stream: true });
    world.answers(world.lease(call) as Lease, call);
  }
  expect(count()).toBe(2);
  await world.clock.pass(5_000);
  expect(count()).toBe(3);
});
