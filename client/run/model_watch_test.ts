import { afterEach, expect, test } from "bun:test";
import { decodeV2, encodeJson, type RegisterV2, type Status } from "../../protocol/mod.ts";
import { type Adapter, type ListedModel, UpstreamFailure } from "../adapter/adapter.ts";
import type { ModelsConfig } from "../config/config.ts";
import { createNode, type Node } from "../node.ts";
import { FakeWorld } from "../testing/fake_world.ts";
import { StubGateway } from "../testing/stub_gateway.ts";
import { StubUpstream } from "../testing/stub_upstream.ts";
import { realWorld } from "../world.ts";
import { ModelWatch } from "./model_watch.ts";
import { Provider } from "./provider.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(1);
}

/** A node whose minutes pass when the test says so, what it logged, and a provider's list to be changed. */
function nodeWith(
  server_url: string,
  models: ModelsConfig,
  options: { connect?: typeof realWorld.connect } = {},
) {
  const list: { ids: string[] | null; refusal: number; asked: number } = {
    ids: null,
    refusal: 503,
    asked: 0,
  };
  const upstream = new StubUpstream(() => new Response(null, { status: 500 }), () => {
    list.asked++;
    return list.ids === null
      ? new Response(null, { status: list.refusal })
      : Response.json({ data: list.ids.map((id) => ({ id, context_length: 8192 })) });
  });
  cleanups.push(() => upstream.stop());
  const minutes = new Set<() => void>();
  const said: string[] = [];
  const note = (_: object, message: string) => void said.push(message);
  const node: Node = createNode({
    client_token: "client-1",
    server_url,
    // Its STATUS would come between those of the list.
    report_machine: false,
    providers: [{ type: "openai", base_url: upstream.url, models }],
  }, {
    ...options,
    after: (delayMs, run) => {
      if (delayMs !== MINUTE_MS) return realWorld.after(delayMs, run);
      minutes.add(run);
      return () => minutes.delete(run);
    },
    log: { debug: note, info: note, warn: note, error: note },
    nodeId: "n1",
  });
  cleanups.push(() => node.stop({ graceMs: 0 }));
  /** Lets a minute pass, once the node waits for it. */
  const minute = async () => {
    await until(() => minutes.size > 0);
    const [run] = minutes;
    minutes.delete(run!);
    run!();
  };
  return { node, upstream, list, minute, minutes, said };
}

test("a provider that is down at the start does not stop the node, and is offered once it lists", async () => {
  const gateway = new StubGateway();
  cleanups.push(() => gateway.stop());
  const { node, list, minute, said } = nodeWith(gateway.url, "auto");
  node.start();
  expect((await gateway.registered()).models).toEqual([]);
  await until(() => list.asked > 0);
  list.ids = ["a", "b"];
  await minute();
  expect((await gateway.registered(2)).models).toEqual(["a", "b"]);
  expect(node.status.models).toEqual(["a", "b"]);
  expect(said.filter((line) => line.includes("its models"))).toEqual([
    "providers[0] openai does not list its models: The provider answered HTTP 503; nothing of it is offered until it does",
    "providers[0] openai lists its models again",
  ]);
});

test("a list that changes is announced by a second REGISTER in v1, and one that does not is not", async () => {
  const gateway = new StubGateway();
  cleanups.push(() => gateway.stop());
  const { node, list, minute, said } = nodeWith(gateway.url, { auto: { deny: ["*-base"] } });
  list.ids = ["a"];
  node.start();
  await gateway.until(() => gateway.registers.at(-1)?.models[0] === "a");
  const before = gateway.registers.length;
  list.ids = ["a", "a-base"];
  await minute();
  // Asked again, the node has worked off what came before.
  await minute();
  list.ids = ["b"];
  await minute();
  expect((await gateway.registered(before + 1)).models).toEqual(["b"]);
  expect(said).toContain("model list updated");
  expect(gateway.registers.at(-1)).not.toHaveProperty("capabilities");
});

test("a stopped node polls its providers no more", async () => {
  const gateway = new StubGateway();
  cleanups.push(() => gateway.stop());
  const { node, list, minutes } = nodeWith(gateway.url, "auto");
  node.start();
  await until(() => minutes.size > 0);
  await node.stop({ graceMs: 0 });
  expect(minutes.size).toBe(0);
  expect(list.asked).toBe(1);
});

test("a provider of named models is polled once, and needs no list", async () => {
  const gateway = new StubGateway();
  cleanups.push(() => gateway.stop());
  const { node, list, said } = nodeWith(gateway.url, [{ local: "a" }]);
  node.start();
  node.start();
  expect((await gateway.registered()).models).toEqual(["a"]);
  await until(() => list.asked > 0);
  expect(list.asked).toBe(1);
  expect(said.filter((line) => line.includes("list"))).toEqual([]);
});

test("named models whose provider cannot be reached are offered, and the reason why they fail is logged", async () => {
  const gateway = new StubGateway();
  cleanups.push(() => gateway.stop());
  const { node, upstream, said } = nodeWith(gateway.url, [{ local: "a" }]);
  await upstream.stop();
  node.start();
  expect((await gateway.registered()).models).toEqual(["a"]);
  await until(() => said.some((line) => line.includes("list")));
  expect(said.filter((line) => line.includes("list"))).toEqual([
    "providers[0] openai does not list its models: Cannot reach the provider: connection refused; is it running?; " +
    "the models that you named stay offered, and calls of them may fail",
  ]);
});

test("a provider of named models that refuses the key is logged, too", async () => {
  const gateway = new StubGateway();
  cleanups.push(() => gateway.stop());
  const { node, list, said } = nodeWith(gateway.url, [{ local: "a" }]);
  list.refusal = 401;
  node.start();
  await until(() => said.some((line) => line.includes("list")));
  expect(said.find((line) => line.includes("list"))).toContain("HTTP 401");
});

/** A v2 gateway of a few lines: remembers REGISTER and STATUS. */
function gatewayV2() {
  const registers: RegisterV2[] = [];
  const statuses: Status[] = [];
  const server = Bun.serve<undefined>({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) =>
      server.upgrade(request) ? undefined : new Response(null, { status: 426 }),
    websocket: {
      open: (socket) => void socket.send(encodeJson("hello", 0, { versions: [1, 2] })),
      message: (socket, message) => {
        const decoded = decodeV2(message as Buffer);
        if (decoded.kind !== "frame") return;
        if (decoded.frame.type === "register") {
          registers.push(decoded.frame.data);
          const welcome = { session: "s", node: "n", ping_ms: 1, silence_ms: 1 };
          socket.send(encodeJson("welcome", 0, {
            ...welcome,
            window_bytes: 1 << 18,
            max_frame_bytes: 1 << 20,
          }));
        }
        if (decoded.frame.type === "status") statuses.push(decoded.frame.data);
      },
    },
  });
  cleanups.push(() => server.stop(true));
  return { url: `ws://127.0.0.1:${server.port}/ws`, registers, statuses };
}

test("a list that changes is announced by STATUS in v2, with its capabilities", async () => {
  const gateway = gatewayV2();
  const { node, list, minute } = nodeWith(gateway.url, { auto: { prefix: "p/" } });
  node.start();
  await until(() => gateway.registers.length > 0);
  expect(gateway.registers[0]).toMatchObject({ models: [], capabilities: {} });
  list.ids = ["a"];
  await minute();
  await until(() => gateway.statuses.length > 0);
  expect(gateway.statuses).toMatchObject([{
    models: ["p/a"],
    capabilities: { "p/a": { context_length: 8192 } },
  }]);
  expect(gateway.registers).toHaveLength(1);
});

/** A watch over one provider whose answers the test gives, in a world whose time it moves. */
function watchOver(models: ModelsConfig, answer: (signal: AbortSignal) => Promise<ListedModel[]>) {
  const world = new FakeWorld();
  let asked = 0;
  const adapter: Adapter = {
    async *answer() {},
    models: (signal) => (asked++, answer(signal)),
  };
  const provider = new Provider(
    "providers[0] openai",
    "openai",
    { type: "openai", models },
    adapter,
  );
  let changes = 0;
  const catalogue = { providers: [provider], update: () => true };
  const watch = new ModelWatch(catalogue, world, () => void changes++);
  watch.start();
  return { world, watch, asked: () => asked, changes: () => changes };
}

const named = [{ local: "a" }];
const listOf = (...ids: string[]) => ids.map((id) => ({ id, capabilities: {} }));

test("a provider is polled every minute where its list is what is offered, else every hour", async () => {
  for (const [models, everyMs] of [["auto", MINUTE_MS], [named, HOUR_MS]] as const) {
    const { world, asked } = watchOver(models, () => Promise.resolve(listOf("a")));
    await world.pass(everyMs - 1);
    expect(asked()).toBe(1);
    await world.pass(1);
    expect(asked()).toBe(2);
  }
});

test("a provider of named models that says what is in memory is polled every minute", async () => {
  const listed = [{ id: "a", capabilities: { loaded: false } }];
  const { world, asked } = watchOver(named, () => Promise.resolve(listed));
  await world.pass(MINUTE_MS);
  expect(asked()).toBe(2);
});

test("a provider is asked out of turn when a model is in memory that was not, every ten seconds at most", async () => {
  const listed = [{ id: "a", capabilities: { loaded: false } }];
  const { world, watch, asked } = watchOver(named, () => Promise.resolve(listed));
  await world.pass(15_000);
  expect(asked()).toBe(1);
  watch.lookAgain("providers[0] openai");
  watch.lookAgain("providers[1] another");
  await world.pass(0);
  expect(asked()).toBe(2);
  for (let second = 0; second < 25; second++) {
    watch.lookAgain("providers[0] openai");
    await world.pass(1_000);
  }
  expect(asked()).toBe(4);
  await world.pass(MINUTE_MS);
  expect(asked()).toBe(5);
});

test("a stopped watch polls no more, aborts its request, and logs nothing", async () => {
  const signals: AbortSignal[] = [];
  const { world, watch, asked } = watchOver("auto", (signal) => {
    signals.push(signal);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  });
  await world.pass(1);
  watch.stop();
  expect(signals[0]!.aborted).toBe(true);
  await world.pass(HOUR_MS);
  expect(asked()).toBe(1);
  expect(world.logged).toEqual([]);
  expect(world.nextTimerMs).toBeNull();
});

test("a provider that does not answer within ten seconds has not answered, and one that has is not cut later", async () => {
  const signals: AbortSignal[] = [];
  let isSilent = true;
  const { world } = watchOver("auto", (signal) => {
    signals.push(signal);
    return isSilent
      ? new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
      : Promise.resolve(listOf("a"));
  });
  await world.pass(9_999);
  expect(world.logged).toEqual([]);
  await world.pass(1);
  expect(world.logged).toEqual([
    "warn: providers[0] openai does not list its models: no answer in time; nothing of it is offered until it does",
  ]);
  isSilent = false;
  await world.pass(MINUTE_MS);
  await world.pass(10_000);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
});

test("a failure is logged once until it is another one, or the provider has listed its models again", async () => {
  let failure: Error | null = new UpstreamFailure(503, "down");
  const { world, changes } = watchOver(
    "auto",
    () => failure === null ? Promise.resolve(listOf("a")) : Promise.reject(failure),
  );
  const said = (reason: string, meanwhile: string) =>
    `warn: providers[0] openai does not list its models: ${reason}; ${meanwhile}`;
  const none = "nothing of it is offered until it does";
  const before = "what it listed before stays offered";
  await world.pass(MINUTE_MS);
  expect(world.logged).toEqual([said("down", none)]);
  failure = new TypeError("secret");
  await world.pass(MINUTE_MS);
  expect(world.logged.slice(1)).toEqual([said("it cannot be asked", none)]);
  expect(changes()).toBe(0);
  failure = null;
  await world.pass(2 * MINUTE_MS);
  expect(world.logged.slice(2)).toEqual(["info: providers[0] openai lists its models again"]);
  expect(changes()).toBe(2);
  failure = new UpstreamFailure(503, "down");
  await world.pass(MINUTE_MS);
  expect(world.logged.slice(3)).toEqual([said("down", before)]);
});

test("of named models only those failures are logged that their calls would meet, too", async () => {
  const failures: [Error, boolean][] = [
    [new UpstreamFailure(401, "no"), true],
    [new UpstreamFailure(502, "Cannot reach the provider: no connection"), true],
    [new UpstreamFailure(404, "no list"), false],
    [new TypeError("Cannot reach"), false],
  ];
  for (const [failure, isLogged] of failures) {
    const { world } = watchOver(named, () => Promise.reject(failure));
    await world.pass(0);
    expect(world.logged).toHaveLength(isLogged ? 1 : 0);
  }
});

test("named models that the provider's list lacks are logged once; they and their :latest count as listed, and an empty list says nothing", async () => {
  let list = listOf();
  const { world } = watchOver(
    [{ local: "a" }, { local: "misspelt" }, { local: "tagged" }],
    () => Promise.resolve(list),
  );
  const warned: object[] = [];
  world.log.warn = (fields, message) => void warned.push({ ...fields, message });
  await world.pass(0);
  expect(warned).toEqual([]);
  list = listOf("a", "tagged:latest");
  await world.pass(60 * MINUTE_MS);
  await world.pass(60 * MINUTE_MS);
  expect(warned).toEqual([{
    count: 1,
    models: ["misspelt"],
    message: "providers[0] openai does not list models that you named: see that they are spelt " +
      "right and loaded; calls of them may fail",
  }]);
});

test("listed names that no model may have are logged, five of them", async () => {
  const bad = Array.from({ length: 7 }, (_, i) => `two  blanks ${i}`);
  const { world } = watchOver("auto", () => Promise.resolve(listOf("fine", ...bad)));
  const warned: object[] = [];
  world.log.warn = (fields, message) => void warned.push({ ...fields, message });
  await world.pass(0);
  expect(warned).toEqual([{
    count: 7,
    names: bad.slice(0, 5),
    message: "providers[0] openai lists names that no model may have here; they are left out",
  }]);
});
