import { describe, expect, test } from "bun:test";
import { Endpoint, everyEndpoint } from "../../protocol/mod.ts";
import { type AdapterCall, UpstreamFailure } from "../adapter/adapter.ts";
import { FakeWorld, settled } from "../testing/fake_world.ts";
import type { Offer } from "./provider.ts";
import { Withdrawals } from "./withdrawals.ts";

const MINUTE_MS = 60_000;

/** An offer whose provider answers each of the node's own requests as `answer` says: an error, or null for success. */
function start(answer: (call: AdapterCall) => Error | null) {
  const world = new FakeWorld();
  const asked: AdapterCall[] = [];
  let changes = 0;
  const withdrawals = new Withdrawals(world, () => changes++);
  const offer: Offer = {
    provider: "providers[0] openai",
    local: "llama",
    isProvided: true,
    endpoints: everyEndpoint,
    adapter: {
      endpoints: everyEndpoint,
      async *answer(call) {
        asked.push(call);
        const failure = answer(call);
        if (failure !== null) throw failure;
        yield "{}";
      },
    },
  };
  return { world, asked, withdrawals, offer, changes: () => changes };
}

const noPath = () => new UpstreamFailure(404, "404 page not found");
const noModel = () => new UpstreamFailure(404, 'model "llama" not found, try pulling it first');

describe("an endpoint that a provider has not got", () => {
  test("is withdrawn for that model, before the call's failure is reported", async () => {
    const { withdrawals, offer, changes } = start(noPath);
    expect(await withdrawals.confirm(offer, Endpoint.responses)).toBe(true);
    expect(changes()).toBe(1);
    expect(withdrawals.endpointsOf(offer)).toEqual(
      everyEndpoint.filter((endpoint) => endpoint !== Endpoint.responses),
    );
    expect(withdrawals.endpointsOf({ ...offer, local: "other" })).toEqual(everyEndpoint);
    expect(withdrawals.endpointsOf({ ...offer, provider: "providers[1] openai" }))
      .toEqual(everyEndpoint);
  });

  test("is looked at again after a minute, then ever more seldom, and offered once it is there", async () => {
    let failure: Error | null = noPath();
    const { world, asked, withdrawals, offer, changes } = start(() => failure);
    await withdrawals.confirm(offer, Endpoint.responses);
    await world.pass(MINUTE_MS);
    expect(asked).toHaveLength(2);
    await world.pass(2 * MINUTE_MS - 1);
    expect(asked).toHaveLength(2);
    // A provider that cannot be reached or fails has not shown that it has got it.
    failure = new UpstreamFailure(502, "Cannot reach the provider");
    await world.pass(1);
    expect(asked).toHaveLength(3);
    expect(changes()).toBe(1);
    // One that finds fault with the request has.
    failure = new UpstreamFailure(400, "too short");
    await world.pass(4 * MINUTE_MS);
    expect(changes()).toBe(2);
    expect(withdrawals.endpointsOf(offer)).toBe(everyEndpoint);
    failure = noPath();
    expect(await withdrawals.confirm(offer, Endpoint.responses)).toBe(true);
    expect(changes()).toBe(3);
  });
});

describe("a model that a provider has not got", () => {
  const answers: [what: string, failure: UpstreamFailure][] = [
    ["in words", noModel()],
    ["by its name", new UpstreamFailure(404, "Not found: `llama`")],
    [
      "by a code",
      new UpstreamFailure(400, "decommissioned", {
        error: { message: "decommissioned", code: "model_decommissioned" },
      }),
    ],
  ];
  test.each(answers)(
    "is withdrawn from all its endpoints where it is named %s",
    async (_, failure) => {
      const { withdrawals, offer } = start(() => failure);
      expect(await withdrawals.confirm(offer, Endpoint.chat)).toBe(true);
      expect(withdrawals.endpointsOf(offer)).toEqual([]);
    },
  );
});

describe("a failure that a request has earned by itself", () => {
  test("withdraws nothing: the node's own request shows that all is there", async () => {
    for (const failure of [null, new UpstreamFailure(400, "no"), new UpstreamFailure(503, "no")]) {
      const { withdrawals, offer, changes } = start(() => failure);
      expect(await withdrawals.confirm(offer, Endpoint.chat)).toBe(false);
      expect(changes()).toBe(0);
    }
  });

  test("makes the node ask at most once a minute, however many calls come", async () => {
    const { world, asked, withdrawals, offer } = start(() => null);
    const looks = Array.from({ length: 50 }, () => withdrawals.confirm(offer, Endpoint.chat));
    await Promise.all(looks);
    await withdrawals.confirm(offer, Endpoint.chat);
    expect(asked).toHaveLength(1);
    await world.pass(MINUTE_MS);
    await withdrawals.confirm(offer, Endpoint.chat);
    expect(asked).toHaveLength(2);
  });
});

test("the node's own request is valid, short and in the name of nobody", async () => {
  const { asked, withdrawals, offer } = start(() => null);
  for (const endpoint of everyEndpoint) await withdrawals.confirm(offer, endpoint);
  expect(asked.map(({ endpoint }) => endpoint)).toEqual([...everyEndpoint]);
  for (const call of asked) {
    expect(call).toMatchObject({ model: "llama", headers: {}, stream: false });
    expect(JSON.parse(call.bodyText).model).toBe("llama");
    expect(call.bodyText.length).toBeLessThan(100);
  }
});

test("a request that is not answered in time withdraws nothing", async () => {
  const world = new FakeWorld();
  const withdrawals = new Withdrawals(world, () => {});
  const { offer } = start(() => null);
  const adapter = {
    async *answer({ signal }: AdapterCall) {
      await new Promise((_, reject) => signal.addEventListener("abort", reject));
      yield "";
    },
  };
  const confirmed = withdrawals.confirm({ ...offer, adapter }, Endpoint.chat);
  await world.pass(10_000);
  expect(await confirmed).toBe(false);
});

test("an adapter of the library's user is not asked, and never withdrawn", async () => {
  const { asked, withdrawals, offer } = start(noModel);
  const { isProvided: _, ...own } = offer;
  expect(await withdrawals.confirm(own, Endpoint.chat)).toBe(false);
  expect(asked).toHaveLength(0);
});

test("nothing is looked at once the node stops", async () => {
  const { world, asked, withdrawals, offer, changes } = start(noPath);
  await withdrawals.confirm(offer, Endpoint.chat);
  withdrawals.stop();
  await settled();
  await world.pass(60 * MINUTE_MS);
  expect(asked).toHaveLength(1);
  expect(changes()).toBe(1);
});

test("404, 405, 410 and codes for a missing model are looked into, other failures not", () => {
  const failure = (code: number, errorCode?: string) =>
    new UpstreamFailure(code, "x", errorCode ? { error: { message: "x", code: errorCode } } : {});
  for (const one of [failure(404), failure(405), failure(410), failure(400, "model_not_found")]) {
    expect(Withdrawals.mayConcern(one)).toBe(true);
  }
  for (const one of [failure(400), failure(400, "x"), failure(500, "model_not_found")]) {
    expect(Withdrawals.mayConcern(one)).toBe(false);
  }
});
