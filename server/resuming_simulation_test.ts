/** Callers who lose their connections at random and come back, to one gateway and to three. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { shareAnswers } from "./answer_sharing.ts";
import { type TestGateway, TestNetwork } from "./cluster/testing/network.ts";
import { type TestAccount, TestApp } from "./http/testing/test_app.ts";
import { endpoints } from "./http/endpoints.ts";
import type { AttemptSink } from "./node/attempt.ts";
import { allFacts } from "./node/model_facts.ts";

const SEEDS = 40;

interface Gateway {
  app: TestApp;
  owner: TestAccount;
}

/** What nodes were sent, by the text of the call. */
const ran = new Map<string, AttemptSink>();
const bodies = new Map<string, object>();
let runs = 0;

class World {
  readonly gateways: Gateway[] = [];
  readonly network = new TestNetwork();

  static async start(size: number): Promise<World> {
    const world = new World();
    for (let i = 0; i < size; i++) {
      const app = await TestApp.start({ COLINK_DEFAULT_RPM: "1000000" });
      const owner = await app.account("owner@example.org");
      const facts = new Map([["m", allFacts({ endpoints: endpoints.map(({ path }) => path) })]]);
      app.join(owner, { name: "n", maxParallel: 1000, facts }, (sink, order) => {
        runs++;
        const body = JSON.parse(order.body.text);
        bodies.set(body.messages[0].content, body);
        ran.set(body.messages[0].content, sink);
      });
      if (size > 1) {
        const { cluster } = await world.network.add();
        shareAnswers(app.parts.sharedAnswers, cluster);
      }
      world.gateways.push({ app, owner });
    }
    return world;
  }

  async stop(): Promise<void> {
    for (const { app } of this.gateways) await app.stop();
  }

  /** How many rows the ledgers have, once they have so many. */
  async rows(expected: number): Promise<number> {
    let rows = 0;
    for (let i = 0; i < 2_000 && rows < expected; i++) {
      await this.pass(100);
      // The database writes in its own time.
      await Bun.sleep(2);
      const pages = await Promise.all(
        this.gateways.map(({ app, owner }) =>
          app.parts.store.calls.page({ accountId: owner.id, side: "made", limit: 1000 })
        ),
      );
      rows = pages.flatMap(({ calls }) => calls).length;
    }
    return rows;
  }

  /** Lets time pass at all gateways and on the links between them. */
  async pass(ms: number): Promise<void> {
    for (const { app } of this.gateways) await app.clock.pass(ms);
    await this.network.clock.pass(Math.max(ms, 5));
    for (let i = 0; i < 3; i++) await Bun.sleep(0);
  }
}

/** One caller with one key, who may lose its connection at any time. */
class Caller {
  /** Everything that it has of the answer. */
  text = "";
  cuts = 0;
  isEnded = false;
  #leave = new AbortController();
  #connection = 0;

  constructor(
    private readonly world: World,
    private readonly id: string,
    private readonly stream: boolean,
    private readonly random: () => number,
  ) {}

  async connect(): Promise<void> {
    const { gateways } = this.world;
    const { app, owner } = gateways[Math.floor(this.random() * gateways.length)]!;
    const connection = ++this.#connection;
    this.#leave = new AbortController();
    const goesOn = this.random() < 0.7;
    const last = goesOn ? lastId(this.text) : 0;
    // Only whole events count: a cut one is dropped, as every SSE parser does.
    this.text = last === 0 ? "" : this.text.slice(0, this.text.lastIndexOf("\n\n") + 2);
    const pending = app.send("POST /v1/chat/completions", {
      token: owner.api_token,
      headers: {
        "idempotency-key": `key-of-${this.id}`,
        ...(last > 0 ? { "last-event-id": String(last) } : {}),
      },
      body: { model: "m", stream: this.stream, messages: [{ role: "user", content: this.id }] },
    }, this.#leave.signal);
    void pending.then((response) => this.#read(response, connection)).catch(() => {});
    await this.world.pass(0);
  }

  cut(): void {
    this.cuts++;
    this.#connection++;
    this.#leave.abort();
  }

  async #read(response: Response, connection: number): Promise<void> {
    if (response.status !== 200) throw new Error(await response.text());
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (connection !== this.#connection) return void reader.cancel();
      if (done) break;
      this.text += decoder.decode(value, { stream: true });
    }
    this.isEnded = true;
  }
}

function lastId(text: string): number {
  const whole = text.slice(0, text.lastIndexOf("\n\n") + 2);
  return Number([...whole.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? 0);
}

for (const size of [1, 3]) {
  describe(`on ${size} gateway${size > 1 ? "s" : ""}`, () => {
    let world: World;
    beforeAll(async () => {
      world = await World.start(size);
    });
    afterAll(() => world.stop());

    test(`${SEEDS} calls cut at random, some together with their node's link, end as an uncut one, and run once`, async () => {
      runs = 0;
      let cuts = 0;
      let linkCuts = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const random = mulberry32(seed * 7919 + size);
        const id = `${size}-${seed}`;
        const isStream = random() < 0.8;
        const caller = new Caller(world, id, isStream, random);
        await caller.connect();
        const bystander = new Caller(world, id, isStream, random);
        await bystander.connect();
        const sink = ran.get(id)!;
        sink.head({});
        const words = Array.from({ length: 2 + Math.floor(random() * 12) }, (_, i) => `${i} é`);
        const pieces = isStream ? words.map(eventOf) : [JSON.stringify({ words })];
        for (const piece of pieces) {
          if (random() < 0.5) {
            // Its node's link, too, in some, which is back before the caller, or after it.
            const isLinkCut = random() < 0.4;
            if (isLinkCut) sink.suspended!();
            caller.cut();
            if (random() < 0.5) await world.pass(5_000);
            const isBackFirst = random() < 0.5;
            if (isLinkCut && isBackFirst) sink.resumed!();
            await caller.connect();
            if (isLinkCut && !isBackFirst) {
              if (random() < 0.5) await world.pass(5_000);
              sink.resumed!();
            }
            linkCuts += Number(isLinkCut);
          }
          sink.data(piece);
          if (random() < 0.3) await world.pass(0);
        }
        sink.finish();
        await world.pass(1_000);
        while (random() < 0.5) {
          caller.cut();
          await caller.connect();
        }
        await world.pass(10);
        const uncut = isStream
          ? [...words.map(eventOf), "data: [DONE]\n\n"].map((e, i) => `id: ${i + 1}\n${e}`).join("")
          : pieces[0]!;
        expect([seed, caller.text.replaceAll(/^: .*\n\n/gm, "")]).toEqual([seed, uncut]);
        expect([seed, bystander.text.replaceAll(/^: .*\n\n/gm, "")]).toEqual([seed, uncut]);
        expect([caller.isEnded, bystander.isEnded]).toEqual([true, true]);
        cuts += caller.cuts;
      }
      expect(cuts).toBeGreaterThan(SEEDS);
      expect(linkCuts).toBeGreaterThan(SEEDS / 2);
      expect(runs).toBe(SEEDS);
      for (const { app } of world.gateways) expect(app.parts.calls.size).toBe(0);
      expect(await world.rows(SEEDS)).toBe(SEEDS);
    });
  });
}

describe("of several gateways", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start(3);
  });
  afterAll(() => world.stop());

  const post = ({ app, owner }: Gateway, key: string, stream = false) =>
    app.send("POST /v1/chat/completions", {
      token: owner.api_token,
      headers: { "idempotency-key": key },
      body: { model: "m", stream, messages: [{ role: "user", content: key }] },
    });
  const errorOf = async (response: Promise<Response>) => {
    const { status, ...answer } = await response.then(async (answer) => ({
      status: answer.status,
      ...(await answer.json() as { error: { code: string; message: string } }).error,
    }));
    return [status, answer.code, answer.message] as const;
  };

  test("that get the same key at once, one runs it, and all give its answer", async () => {
    const before = runs;
    const key = "at-the-same-time";
    const answers = world.gateways.map((gateway) => post(gateway, key));
    await world.pass(10);
    expect(runs - before).toBe(1);
    const sink = ran.get(key)!;
    sink.head({});
    sink.data('{"a":1}');
    sink.finish();
    await world.pass(10);
    for (const answer of answers) expect(await (await answer).json()).toEqual({ a: 1 });
    const replayed = await Promise.all(
      answers.map(async (answer) => (await answer).headers.get("x-colink-replayed")),
    );
    expect(replayed.toSorted()).toEqual(["live", "live", null] as never);
  });

  test("each finds a stored response: whole, as a stream, to cancel, and to go on from", async () => {
    const [one, two, three] = world.gateways;
    const ask = async ({ app, owner }: Gateway, route: string, body?: object) => {
      const pending = app.send(route, { token: owner.api_token, ...(body && { body }) });
      await world.pass(20);
      const response = await pending;
      const isJson = response.headers.get("content-type")?.startsWith("application/json");
      return isJson ? await response.json() as Record<string, unknown> : await response.text();
    };
    const input = [{ role: "user", content: "of the cluster" }];
    const create = ask(one!, "POST /v1/responses", {
      model: "m",
      input,
      messages: input,
      background: true,
    });
    const { id } = await create as { id: string };
    const queued = await ask(two!, `GET /v1/responses/${id}`);
    expect(queued).toMatchObject({ id, background: true });
    const sink = ran.get("of the cluster")!;
    sink.head({});
    sink.data(
      JSON.stringify({ id: "x", object: "response", status: "completed", output: [{ n: 1 }] }),
    );
    sink.finish();
    await world.pass(20);
    expect(await ask(three!, `GET /v1/responses/${id}`)).toMatchObject({ id, status: "completed" });
    expect(await ask(two!, `POST /v1/responses/${id}/cancel`)).toMatchObject({
      status: "completed",
    });
    void ask(three!, "POST /v1/responses", {
      model: "m",
      input: "more",
      messages: [{ content: "goes on" }],
      previous_response_id: id,
    });
    while (!bodies.has("goes on")) await world.pass(10);
    const { input: sent } = bodies.get("goes on") as { input: object[] };
    expect(sent).toMatchObject([{ content: [{ text: "of the cluster" }] }, { n: 1 }, {
      role: "user",
    }]);
    expect(await ask(three!, `DELETE /v1/responses/${id}`)).toMatchObject({ deleted: true });
    expect(await ask(one!, `GET /v1/responses/${id}`)).toMatchObject({
      error: { code: "not_found" },
    });
    expect(await ask(two!, `GET /v1/responses/${id}`)).toMatchObject({
      error: { code: "not_found" },
    });
  });

  test("a caller whose call's node is at another one gets comments while that node's link is away, and then the rest", async () => {
    const [{ app, owner }] = world.gateways as [Gateway];
    const [one, other] = world.network.gateways as [TestGateway, TestGateway];
    const far = other.node("far", 1, ["far-model"]);
    await world.pass(200);
    // The app's gateway has it from its peer.
    const remote = one.find("far")!;
    app.join(owner, { name: "far", models: ["far-model"] }, (sink, order) => {
      remote.connection.start(order, sink);
    });
    const answering = app.send("POST /v1/chat/completions", {
      token: owner.api_token,
      body: { model: "far-model", stream: true, messages: [{ role: "user", content: "far" }] },
    });
    await world.pass(10);
    const { sink } = far.received[0]!;
    sink.head({});
    sink.data(eventOf("a"));
    await world.pass(10);
    const reader = (await answering).body!.getReader();
    let text = "";
    const read = (async () => {
      for (let part; !(part = await reader.read()).done;) {
        text += Buffer.from(part.value).toString();
      }
    })();
    sink.suspended!();
    for (let i = 0; i < 29; i++) await world.pass(1_000);
    const comments = text.split("\n\n").filter((event) => event.startsWith(":"));
    expect(comments.length).toBeGreaterThanOrEqual(1);
    sink.resumed!();
    sink.data(eventOf("b"));
    sink.finish();
    await world.pass(100);
    await read;
    const events = text.split("\n\n").filter((event) => event.startsWith("data:"));
    expect(events.map((event) => `${event}\n\n`)).toEqual([
      eventOf("a"),
      eventOf("b"),
      "data: [DONE]\n\n",
    ]);
  });

  test("another refuses the key with another request, as the first one does", async () => {
    const [one, two] = world.gateways;
    const key = "key-of-two-requests";
    const answer = post(one!, key);
    await world.pass(10);
    ran.get(key)!.head({});
    ran.get(key)!.data("{}");
    ran.get(key)!.finish();
    await answer;
    const other = post(two!, key, true);
    await world.pass(10);
    expect((await errorOf(other)).slice(0, 2)).toEqual([409, "idempotency_key_reused"]);
  });

  test("one that leaves gives a caller who has left ten seconds, and those who come later what the ledger knows", async () => {
    const [one, two] = world.gateways;
    const parts = one!.app.parts;
    for (const isSoon of [true, false]) {
      const key = `key-of-the-leaving-one-${isSoon}`;
      const leave = new AbortController();
      const answer = one!.app.send("POST /v1/chat/completions", {
        token: one!.owner.api_token,
        headers: { "idempotency-key": key, "x-colink-resume-seconds": "300" },
        body: { model: "m", stream: true, messages: [{ role: "user", content: key }] },
      }, leave.signal);
      await world.pass(10);
      ran.get(key)!.head({});
      ran.get(key)!.data(eventOf("a"));
      void (await answer).body?.cancel();
      leave.abort();
      await world.pass(10);
      parts.sharedAnswers.drain(10_000);
      await world.pass(isSoon ? 9_000 : 11_000);
      const returning = post(two!, key, true);
      await world.pass(10);
      if (!isSoon) {
        const [status, code, message] = await errorOf(returning);
        expect([status, code]).toEqual([410, "replay_gone"]);
        expect(message).toContain("ended (cancelled) with");
        continue;
      }
      ran.get(key)!.finish();
      await world.pass(10);
      expect(await (await returning).text()).toContain("[DONE]");
    }
    parts.sharedAnswers.drain(Infinity);
  });

  test("one that stops gives what has ended to another, where callers get it on the same terms", async () => {
    const [one, two, three] = world.gateways as [Gateway, Gateway, Gateway];
    const { sharedAnswers } = one.app.parts;
    const keys = ["handed-stream", "handed-whole"];
    const lefts: Response[] = [];
    for (const key of keys) {
      const answer = post(one, key, key === "handed-stream");
      await world.pass(10);
      const sink = ran.get(key)!;
      sink.head({});
      sink.data(key === "handed-stream" ? eventOf("a") : '{"a":1}');
      sink.finish();
      await world.pass(10);
      lefts.push(await answer);
    }
    const input = "of the one that stops";
    const created = one.app.send("POST /v1/responses", {
      token: one.owner.api_token,
      body: { model: "m", input, store: true, messages: [{ content: input }] },
    });
    await world.pass(10);
    const response = { id: "resp-handed", object: "response", status: "completed", output: [] };
    ran.get(input)!.head({});
    ran.get(input)!.data(JSON.stringify(response));
    ran.get(input)!.finish();
    await world.pass(10);
    const { id } = await (await created).json() as { id: string };

    const running = post(one, "still-runs", true);
    const waiting = post(one, "still-waits");
    await world.pass(10);
    ran.get("still-runs")!.head({});
    ran.get("still-runs")!.data(eventOf("a"));
    await world.pass(10);
    one.app.parts.calls.stopAll("shutting_down");
    await world.pass(2_000);
    const cut = await (await running).text();
    expect(cut).toStartWith(`id: 1\n${eventOf("a")}data: {"error":`);
    expect(cut).toContain(`"code":"shutting_down"`);
    expect(await errorOf(waiting)).toMatchObject([503, "shutting_down", expect.anything()]);
    const before = runs;
    const handing = sharedAnswers.handOver(new AbortController().signal);
    for (let i = 0; i < 50; i++) await world.pass(10);
    expect(await handing).toBeGreaterThanOrEqual(lefts.length + 2);

    // Whichever gateway is asked, the one that stops is asked for nothing any more.
    const { answers } = world.network.gateways[0]!.cluster;
    const { serve } = answers;
    answers.serve = () => {
      throw new Error("it has stopped");
    };
    for (const gateway of [two, three]) {
      for (const [i, key] of keys.entries()) {
        const again = post(gateway, key, key === "handed-stream");
        await world.pass(20);
        const { status, headers } = await again;
        expect([key, status]).toEqual([key, lefts[i]!.status]);
        if (status === 200) expect(headers.get("x-colink-replayed")).toBe("stored");
      }
      const stream = post(gateway, "handed-stream", true);
      await world.pass(20);
      expect(await (await stream).text()).toBe(`id: 1\n${eventOf("a")}id: 2\ndata: [DONE]\n\n`);
      const cutOff = post(gateway, "still-runs", true);
      await world.pass(20);
      const [status, code, message] = await errorOf(cutOff);
      expect([status, code]).toEqual([410, "replay_gone"]);
      expect(message).toContain("ended (interrupted) with");
      const other = post(gateway, "handed-whole", true);
      await world.pass(20);
      expect((await errorOf(other)).slice(0, 2)).toEqual([409, "idempotency_key_reused"]);
      const stored = gateway.app.send(`GET /v1/responses/${id}`, {
        token: gateway.owner.api_token,
      });
      await world.pass(20);
      expect(await (await stored).json()).toMatchObject({ id, status: "completed" });
    }
    expect(runs).toBe(before);
    const again = post(three, "still-waits");
    await world.pass(10);
    ran.get("still-waits")!.head({});
    ran.get("still-waits")!.data('{"a":1}');
    ran.get("still-waits")!.finish();
    await world.pass(10);
    expect(await (await again).text()).toBe('{"a":1}');
    expect(runs).toBe(before + 1);
    answers.serve = serve;
  });

  test("one that is gone is said to be, with what the ledger knows, and nothing runs again", async () => {
    const [one, two] = world.gateways;
    const key = "key-of-the-lost-one";
    const answer = post(one!, key, true);
    await world.pass(10);
    ran.get(key)!.head({});
    ran.get(key)!.data(eventOf("a"));
    const before = runs;
    const reader = post(two!, key, true);
    await world.pass(10);
    expect((await reader).status).toBe(200);
    world.network.kill(world.network.gateways[0]!);
    await world.pass(100);
    expect(await (await reader).text()).toContain("gateway_lost");
    const soon = post(two!, key, true);
    await world.pass(10);
    expect((await errorOf(soon)).slice(0, 2)).toEqual([502, "gateway_lost"]);
    await world.network.clock.pass(20_000);
    const { calls } = two!.app.parts.store;
    const { find } = calls;
    calls.find = () =>
      Promise.resolve({ outcome: "ok", promptTokens: 7, completionTokens: 9 } as never);
    const late = post(two!, key, true);
    await world.pass(10);
    const [status, code, message] = await errorOf(late);
    calls.find = find;
    expect([status, code]).toEqual([410, "replay_gone"]);
    expect(message).toContain("ended (ok) with 7 prompt and 9 completion tokens");
    expect(runs).toBe(before);
    (await answer).body?.cancel().catch(() => {});
  });
});

function eventOf(word: string): string {
  return `data: ${JSON.stringify({ choices: [{ delta: { content: word } }] })}\n\n`;
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
