import { describe, expect, test } from "bun:test";
import { DEFAULT_ENDPOINTS, Endpoint } from "../../protocol/mod.ts";
import { type Adapter, type AdapterCall, type Piece, UpstreamFailure } from "../adapter/adapter.ts";
import { fixedCatalogue } from "../testing/fixed_catalogue.ts";
import { FakeWorld, settled } from "../testing/fake_world.ts";
import type { Offer } from "./provider.ts";
import { openGate } from "../policy/gate.ts";
import { type Call, type Reply, Runner, type RunnerOptions } from "./runner.ts";

/** One call of an adapter, for the test to answer. */
interface Upstream {
  call: AdapterCall;
  say(piece: Piece): Promise<void>;
  end(error?: Error): Promise<void>;
}

/** An adapter whose answers the test gives, and whose abort ends an answer. */
function scripted() {
  const upstreams: Upstream[] = [];
  const adapter: Adapter = {
    async *answer(call) {
      const pieces: Piece[] = [];
      let isOver = false;
      let fault: Error | undefined;
      let wake = () => {};
      const move = () => (wake(), settled());
      upstreams.push({
        call,
        say: (piece) => (pieces.push(piece), move()),
        end: (error) => (isOver = true, fault = error, move()),
      });
      call.signal.addEventListener("abort", () => wake());
      for (;;) {
        while (pieces.length > 0) yield pieces.shift()!;
        if (fault) throw fault;
        if (isOver || call.signal.aborted) return;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
  };
  return { adapter, upstreams };
}

/** A reply that keeps what it is given, as words. */
class KeptReply implements Reply {
  readonly said: string[] = [];
  /** While set, the link takes no more. */
  hold: PromiseWithResolvers<void> | null = null;
  onEnd = () => {};

  head = (headers: Record<string, string>) =>
    void this.said.push(`head ${JSON.stringify(headers)}`);
  piece = (piece: Piece) => void this.said.push(`piece ${String(piece)}`);
  finish = () => this.#end("finish");
  fail = ({ code, isBusy, kind, message }: UpstreamFailure) =>
    this.#end(["fail", code, ...isBusy ? ["busy"] : [], ...kind ? [kind] : [], message].join(" "));
  busy = (reason: string) => void this.said.push(`busy ${reason}`);
  ready = () => this.hold?.promise ?? null;

  #end(word: string): void {
    this.onEnd();
    this.said.push(word);
  }
}

interface StartOptions {
  maxParallel?: number;
  offers?: number;
  endpoints?: readonly Endpoint[];
  gate?: RunnerOptions["gate"];
  mayCome?: RunnerOptions["mayCome"];
  /** Of each offer. */
  scopes?: readonly (readonly string[])[];
}

function start(
  {
    maxParallel = 2,
    offers = 1,
    endpoints = DEFAULT_ENDPOINTS,
    gate = openGate,
    scopes = [],
    mayCome = () => true,
  }: StartOptions = {},
) {
  const world = new FakeWorld();
  const logged: object[] = [];
  for (const level of ["info", "warn"] as const) {
    world.log[level] = (fields, message) => void logged.push({ level, message, ...fields });
  }
  const scripts = Array.from({ length: offers }, scripted);
  /** Names that the providers turn out not to have. */
  const missing = new Set<string>();
  const offered = scripts.map(({ adapter }, i): Offer => ({
    provider: `providers[${i}]`,
    local: `local-${i}`,
    endpoints,
    adapter,
    scopes: scopes[i] ?? [],
  }));
  const runner = new Runner({
    gate,
    mayCome,
    catalogue: fixedCatalogue({ m: offered }, ({ local }) => missing.has(local)),
    maxParallel,
    world,
  });
  const take = (id = "req-1", change: Partial<Call> = {}, link: object = runner) => {
    const reply = new KeptReply();
    runner.take({ ...call, id, ...change }, reply, link);
    return reply;
  };
  const upstream = (index = 0, offer = 0) => scripts[offer]!.upstreams[index]!;
  return { world, runner, logged, missing, take, upstream, scripts };
}

const call: Call = {
  id: "req-1",
  endpoint: Endpoint.chat,
  headers: { "anthropic-beta": "x" },
  model: "m",
  bodyText: '{"model":"m"}',
  stream: true,
  hidesUsage: false,
};

const chunk = (content: string) => JSON.stringify({ choices: [{ delta: { content } }] });

describe("a node that is not for everyone", () => {
  test("runs no call whose audience it does not name, whatever gateway sends it, and is not at fault", async () => {
    const { take, upstream, runner, logged } = start({
      mayCome: (audience) => audience === "group:lab",
    });
    const refusal = ["busy this node is not shared with the call's audience"];
    expect(take("req-1").said).toEqual(refusal);
    expect(take("req-2", { audience: "group:other" }).said).toEqual(refusal);
    expect(logged).toMatchObject([{ level: "warn", request_id: "req-1" }, { level: "warn" }]);
    expect(runner.active).toBe(0);
    take("req-3", { audience: "group:lab" });
    await settled();
    expect(upstream().call.id).toBe("req-3");
  });
});

describe("a call", () => {
  test("reaches the adapter under the provider's name for the model, with all else as it came", async () => {
    const { take, upstream } = start();
    take();
    await settled();
    const { signal: _, onHead: __, ...rest } = upstream().call;
    expect(rest).toEqual({ ...call, model: "local-0", askedModel: "m" });
  });

  test("is answered piece by piece, with the upstream's headers before them", async () => {
    const { take, upstream } = start();
    const reply = take();
    await settled();
    upstream().call.onHead?.({ "x-request-id": "up" });
    await upstream().say("1");
    expect(reply.said).toEqual(['head {"x-request-id":"up"}', "piece 1"]);
    await upstream().say("2");
    await upstream().end();
    expect(reply.said.slice(1)).toEqual(["piece 1", "piece 2", "finish"]);
  });

  test("is read from its upstream no faster than the link takes it", async () => {
    const { take, upstream } = start();
    const reply = take();
    await settled();
    reply.hold = Promise.withResolvers<void>();
    await upstream().say("1");
    await upstream().say("2");
    expect(reply.said).toEqual(["piece 1"]);
    const { resolve } = reply.hold;
    reply.hold = null;
    resolve();
    await settled();
    expect(reply.said).toEqual(["piece 1", "piece 2"]);
  });

  test("holds its slot until its upstream has ended, and not while its end is reported", async () => {
    const { runner, take, upstream } = start({ maxParallel: 1 });
    const reply = take("req-1");
    await settled();
    await upstream().say("1");
    expect(runner.active).toBe(1);
    expect(take("req-2").said).toEqual(["busy all 1 slots are in use"]);
    let activeAtEnd = -1;
    reply.onEnd = () => activeAtEnd = runner.active;
    await upstream().end();
    expect(activeAtEnd).toBe(0);
    take("req-2");
    expect(runner.active).toBe(1);
  });

  test("whose id runs already is ignored: it is answered once", async () => {
    const { runner, logged, take, upstream } = start();
    const first = take("req-1");
    const second = take("req-1");
    await settled();
    expect(runner.active).toBe(1);
    expect(logged).toMatchObject([{
      request_id: "req-1",
      message: expect.stringContaining("running"),
    }]);
    await upstream().end();
    expect(first.said).toEqual(["finish"]);
    expect(second.said).toEqual([]);
  });

  test("for a model that the node does not have, or not at that endpoint, is a 404 that says which", async () => {
    const { take } = start();
    const [other, elsewhere] = [
      take("req-1", { model: "other" }),
      take("req-2", { endpoint: Endpoint.embeddings }),
    ];
    await settled();
    expect(other.said).toEqual([
      'fail 404 offer_withdrawn This node does not serve the model "other"',
    ]);
    expect(elsewhere.said).toEqual([
      'fail 404 offer_withdrawn This node does not serve the model "m" at /v1/embeddings',
    ]);
  });

  test("that an adapter cannot send is the node's own failure, one that it cannot read is the answer's", async () => {
    const { logged, take, upstream } = start();
    const reply = take();
    await settled();
    await upstream().end(new TypeError("secret prompt"));
    expect(reply.said).toEqual(["fail 500 internal This node cannot send the call"]);
    expect(logged.at(-1)).toMatchObject({ fault: "This node cannot send the call (TypeError)" });
    const other = take("req-2");
    await settled();
    upstream(1).call.onHead?.({});
    await upstream(1).end(new TypeError("secret prompt"));
    expect(other.said.at(-1)).toBe("fail 502 This node cannot read the provider's answer");
  });
});

describe("of several offers", () => {
  const down = () => new UpstreamFailure(503, "down");

  test("the next is tried where one fails before its first piece", async () => {
    const { runner, take, upstream } = start({ offers: 3 });
    const reply = take();
    await settled();
    await upstream(0, 0).end(down());
    await upstream(0, 1).end(down());
    await upstream(0, 2).say("1");
    await upstream(0, 2).end();
    expect(reply.said).toEqual(["piece 1", "finish"]);
    expect(runner.totals).toEqual({ served: 1, failed: 0 });
  });

  test("the last one's failure is reported where all fail", async () => {
    const { logged, take, upstream } = start({ offers: 2 });
    const reply = take();
    await settled();
    await upstream(0, 0).end(down());
    await upstream(0, 1).end(new UpstreamFailure(429, "later"));
    expect(reply.said).toEqual(["fail 429 later"]);
    expect(logged.at(-1)).toMatchObject({ provider: "providers[1]", status: 429 });
  });

  test("the next is tried where a provider has not got the model, and no node is at fault if it was the last", async () => {
    const { missing, take, upstream } = start({ offers: 2, maxParallel: 3 });
    for (const local of ["local-0", "local-1"]) missing.add(local);
    const gone = (what: string) => new UpstreamFailure(404, what);
    const served = take("req-1");
    await settled();
    await upstream(0, 0).end(gone("a"));
    await upstream(0, 1).say("1");
    await upstream(0, 1).end();
    expect(served.said).toEqual(["piece 1", "finish"]);
    const failed = take("req-2");
    await settled();
    await upstream(1, 0).end(gone("a"));
    await upstream(1, 1).end(gone("b"));
    expect(failed.said).toEqual(["fail 404 offer_withdrawn b"]);
  });

  test("a 404 that only the request has earned is its answer", async () => {
    const { take, upstream, scripts } = start({ offers: 2 });
    const reply = take();
    await settled();
    await upstream(0, 0).end(new UpstreamFailure(404, "no such file"));
    expect(reply.said).toEqual(["fail 404 request no such file"]);
    expect(scripts[1]!.upstreams).toHaveLength(0);
  });

  test("none is tried after a piece, after a mistake of the request's, or for a caller who left", async () => {
    const { runner, take, upstream, scripts } = start({ offers: 2, maxParallel: 9 });
    take("req-1");
    take("req-2");
    take("req-3");
    await settled();
    await upstream(0).say("1");
    await upstream(0).end(down());
    await upstream(1).end(new UpstreamFailure(400, "bad request"));
    runner.cancel("req-3");
    await settled();
    expect(runner.active).toBe(0);
    expect(scripts[1]!.upstreams).toHaveLength(0);
  });

  test("one whose model was not in memory reports with its first piece that it is, and a loaded one does not", async () => {
    const { upstream, scripts } = start({ offers: 2 });
    const adapters = scripts.map(({ adapter }) => adapter);
    const runnerOf = (loaded: boolean, reported: string[]) =>
      new Runner({
        catalogue: fixedCatalogue({
          m: [{
            provider: "p",
            local: "l",
            endpoints: [Endpoint.chat],
            adapter: adapters[loaded ? 1 : 0]!,
            capabilities: { loaded },
          }],
        }),
        maxParallel: 1,
        world: new FakeWorld(),
        onLoaded: ({ provider }) => void reported.push(provider),
      });
    for (const loaded of [false, true]) {
      const reported: string[] = [];
      runnerOf(loaded, reported).take(call, new KeptReply(), {});
      await settled();
      expect(reported).toEqual([]);
      const script = upstream(0, loaded ? 1 : 0);
      await script.say(chunk("1"));
      await script.say(chunk("2"));
      expect(reported).toEqual(loaded ? [] : ["p"]);
      await script.end();
    }
  });

  test("one that does not serve the endpoint is passed over", async () => {
    const { upstream, scripts } = start({ offers: 2 });
    const offers = scripts.map(({ adapter }, i): Offer => ({
      provider: `p${i}`,
      local: "l",
      endpoints: [i === 0 ? Endpoint.embeddings : Endpoint.chat],
      adapter,
    }));
    const runner = new Runner({
      catalogue: fixedCatalogue({ m: offers }),
      maxParallel: 1,
      world: new FakeWorld(),
    });
    const reply = new KeptReply();
    runner.take(call, reply, runner);
    await settled();
    expect(scripts[0]!.upstreams).toHaveLength(0);
    await upstream(0, 1).end();
    expect(reply.said).toEqual(["finish"]);
  });
});

describe("a call that is stopped", () => {
  test("because its caller left ends with 499, is no failure, and lets no more pieces pass", async () => {
    const { runner, logged, take, upstream } = start();
    const reply = take();
    await settled();
    reply.hold = Promise.withResolvers<void>();
    await upstream().say("1");
    void upstream().say("2");
    runner.cancel("req-1");
    reply.hold.resolve();
    await settled();
    expect(upstream().call.signal.aborted).toBe(true);
    expect(reply.said).toEqual(["piece 1", "fail 499 Stopped: the caller is gone"]);
    expect(runner.totals).toEqual({ served: 0, failed: 0 });
    expect(logged.at(-1)).toMatchObject({ level: "info", message: "call cancelled", status: 499 });
  });

  const ended = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
  const usage = '{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1}}';

  test("after its finish reason is read on for its usage, and is served", async () => {
    const { runner, take, upstream, world } = start();
    const reply = take();
    await settled();
    await upstream().say(ended);
    runner.cancel("req-1");
    runner.cancel("req-1");
    await upstream().say(usage);
    await upstream().end();
    expect(reply.said).toEqual([`piece ${ended}`, `piece ${usage}`, "finish"]);
    expect(runner.totals).toEqual({ served: 1, failed: 0 });
    expect(world.nextTimerMs).toBeNull();
  });

  test("after its finish reason is stopped where no usage comes, and is served", async () => {
    const { runner, take, upstream, world } = start();
    const reply = take();
    await settled();
    await upstream().say(ended);
    runner.cancel("req-1");
    await settled();
    expect(upstream().call.signal.aborted).toBe(false);
    await world.pass(500);
    expect(upstream().call.signal.aborted).toBe(true);
    expect(reply.said.at(-1)).toBe("finish");
  });

  test("after its usage has nothing to wait for", async () => {
    const { runner, take, upstream } = start();
    const reply = take();
    await settled();
    await upstream().say(ended);
    await upstream().say(usage);
    runner.cancel("req-1");
    await settled();
    expect(upstream().call.signal.aborted).toBe(true);
    expect(reply.said.at(-1)).toBe("finish");
  });

  test("after the first of several choices has ended is stopped like any other", async () => {
    const { runner, take, upstream } = start();
    const reply = take("req-1", { bodyText: '{"n": 2}' });
    await settled();
    await upstream().say(ended);
    runner.cancel("req-1");
    await settled();
    expect(reply.said.at(-1)).toBe("fail 499 Stopped: the caller is gone");
  });

  test("after its upstream's last piece is not reported as finished", async () => {
    const { runner, take, upstream } = start();
    const reply = take();
    await settled();
    void upstream().end();
    runner.cancel("req-1");
    await settled();
    expect(reply.said).toEqual(["fail 499 Stopped: the caller is gone"]);
  });

  test("of an unknown id is nothing", () => {
    const { runner, take } = start();
    take("req-1");
    runner.cancel("req-2");
    expect(runner.active).toBe(1);
  });

  test("with its link leaves the calls of other links alone", async () => {
    const { runner, take } = start();
    const [a, b] = [{}, {}];
    const lost = take("req-1", {}, a);
    const kept = take("req-2", {}, b);
    await settled();
    runner.cancelAll(a);
    await settled();
    expect(lost.said).toEqual(["fail 503 busy this node stopped in the middle of the call"]);
    expect(kept.said).toEqual([]);
    runner.cancelAll();
    await settled();
    expect(kept.said).toHaveLength(1);
    expect(runner.totals).toEqual({ served: 0, failed: 2 });
  });
});

describe("a runner", () => {
  test("that drains refuses new calls and finishes the others", async () => {
    const { runner, take, upstream } = start();
    const running = take("req-1");
    await settled();
    runner.drain();
    expect(take("req-2").said).toEqual(["busy this node is draining"]);
    await upstream().end();
    expect(running.said).toEqual(["finish"]);
  });

  test("is idle once its last call has ended, or the last of one link", async () => {
    const { runner, take, upstream } = start({ maxParallel: 3 });
    const [a, b] = [{}, {}];
    const idle: string[] = [];
    take("req-1", {}, a);
    take("req-2", {}, a);
    take("req-3", {}, b);
    await settled();
    void runner.idle(a).then(() => idle.push("a"));
    void runner.idle().then(() => idle.push("all"));
    await upstream(0).end();
    expect(idle).toEqual([]);
    await upstream(1).end();
    expect(idle).toEqual(["a"]);
    await upstream(2).end();
    expect(idle).toEqual(["a", "all"]);
    await runner.idle();
  });

  test("logs a call in one line: where, what, how it ended, what it cost, how long it took", async () => {
    const { world, logged, take, upstream } = start();
    await world.pass(1_000);
    take();
    await settled();
    await world.pass(250);
    await upstream().say(chunk("a"));
    await upstream().say('{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}');
    await upstream().end();
    expect(logged).toEqual([{
      level: "info",
      message: "call served",
      request_id: "req-1",
      endpoint: "/v1/chat/completions",
      model: "m",
      status: 200,
      prompt_tokens: 7,
      completion_tokens: 5,
      duration_ms: 250,
    }]);
  });

  const unreachable = "Cannot reach the provider: connection refused; is it running?";
  const faults: [failure: UpstreamFailure, fault: string][] = [
    [
      new UpstreamFailure(400, "a prompt", {
        error: { message: "a prompt", code: "bad", type: "t" },
      }),
      "bad",
    ],
    [new UpstreamFailure(400, "a prompt", { error: { message: "a prompt", type: "t" } }), "t"],
    [
      new UpstreamFailure(400, "a prompt", { error: { message: "a prompt" } }),
      "refused by the provider",
    ],
    [new UpstreamFailure(502, unreachable, { cause: new TypeError("http://secret") }), unreachable],
    [new UpstreamFailure(502, "It broke", { cause: new TypeError("x") }), "It broke (TypeError)"],
    [new UpstreamFailure(502, "It broke"), "It broke"],
  ];
  for (const [failure, fault] of faults) {
    test(`logs a failure as "${fault}", without what the upstream said of the prompt`, async () => {
      const { logged, take, upstream } = start();
      take();
      await settled();
      await upstream().end(failure);
      expect(logged).toEqual([expect.objectContaining({
        level: "warn",
        message: "call failed",
        provider: "providers[0]",
        status: failure.code,
        fault,
      })]);
      expect(JSON.stringify(logged)).not.toContain("a prompt");
    });
  }
});

describe("the owner's policy", () => {
  /** A gate whose scopes the test closes; the whole node's is the empty text. */
  function gated(scopes: readonly string[] = ["p"]) {
    const closed = new Set<string>();
    const counted: string[] = [];
    const started = start({
      offers: 2,
      gate: {
        pauseOf: (asked) =>
          asked.some((scope) => closed.has(scope))
            ? { reason: "it is night", untilMs: null }
            : null,
        began: (asked) => void counted.push(`began ${asked.join(",")}`),
        ended: (asked, tokens) => void counted.push(`ended ${asked.join(",")} ${tokens}`),
      },
      scopes: [scopes, ["q"]],
    });
    return { ...started, closed, counted };
  }

  test("that closes the node refuses new calls, and lets running ones finish", async () => {
    const { take, upstream, closed } = gated();
    const running = take();
    await settled();
    closed.add("");
    expect(take("req-2").said).toEqual(["busy this node is paused: it is night"]);
    await upstream().say(chunk("a"));
    await upstream().end();
    expect(running.said.at(-1)).toBe("finish");
  });

  test("sends calls that have given nothing elsewhere where they shall move, and lets others finish", async () => {
    const { take, upstream, closed, runner } = gated();
    const begun = take();
    await settled();
    await upstream().say(chunk("a"));
    const waiting = take("req-2");
    await settled();
    closed.add("");
    runner.giveWay(false);
    await upstream(1).end();
    await upstream().end();
    expect(waiting.said).toEqual(["fail 503 busy this node is paused: it is night"]);
    expect(begun.said.at(-1)).toBe("finish");
  });

  test("ends every call that it concerns where they shall stop", async () => {
    const { take, upstream, closed, runner } = gated();
    const begun = take();
    await settled();
    await upstream().say(chunk("a"));
    runner.giveWay(true);
    closed.add("p");
    runner.giveWay(true);
    await upstream().end();
    expect(begun.said.at(-1)).toBe("fail 503 busy this node is paused: it is night");
  });

  test("that closes a provider leaves its calls to the next one", async () => {
    const { take, upstream, closed } = gated();
    closed.add("p");
    const reply = take();
    await settled();
    await upstream(0, 1).say(chunk("a"));
    await upstream(0, 1).end();
    expect(reply.said.at(-1)).toBe("finish");
  });

  test("that closes every provider of the model bounces the call", async () => {
    const { take, closed } = gated();
    closed.add("p").add("q");
    const reply = take();
    await settled();
    expect(reply.said).toEqual(["fail 503 busy this node is paused: it is night"]);
  });

  test("is told of each call once, and of its tokens in the scopes that answered", async () => {
    const { take, upstream, counted } = gated();
    take();
    await settled();
    await upstream().say(chunk("a"));
    await upstream().say(JSON.stringify({ usage: { prompt_tokens: 5, completion_tokens: 4 } }));
    await upstream().end();
    expect(counted).toEqual(["began ", "began p", "ended ,p 9"]);
  });
});
