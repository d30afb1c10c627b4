import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import type { Tally } from "../node/attempt.ts";
import type { Node } from "../node/node.ts";
import { GroupBook } from "../node/testing/group_book.ts";
import { KeptAnswer, World } from "../call/testing/world.ts";
import { type Charge, TokenShares } from "./token_shares.ts";

const service = { model: "m", endpoint: Endpoint.chat };

function start() {
  const clock = new FakeClock();
  const memberships = new GroupBook();
  const shares = new TokenShares({ clock, memberships });
  const world = new World();
  const { node } = world.node("n");
  const of = (accountId: string) => ({ ...service, accountId });
  const received = (accountId: string) => shares.preview(of(accountId)).received;
  return { clock, memberships, shares, world, node, of, received };
}

/** What a node says and has sent of an answer. */
function metered(tally: Partial<Tally>, bytes: number) {
  const whole = {
    promptTokens: null,
    completionTokens: null,
    estimated: false,
    chunks: 1,
    ...tally,
  };
  return { tally: () => whole, answerBytes: () => bytes };
}

describe("a call is charged", () => {
  /** What an account is charged for one call. */
  function charged(use: (charge: Charge) => void, promptBytes = 400, maxTokens?: number): number {
    const { shares, node, of, received } = start();
    const charge = shares.take(
      node,
      { ...of("ann"), ...(maxTokens && { maxTokens }) },
      promptBytes,
    )!;
    use(charge);
    return received("ann");
  }

  test("for its prompt and a usual answer as it gets its slot, and for what it was at its end", () => {
    expect(charged(() => {})).toBe(100 + 2 * 200);
    const end = (promptTokens: number | null, completionTokens: number | null) =>
      charged((charge) => {
        charge.begin(metered({ promptTokens, completionTokens }, 10_000));
        charge.end();
      });
    expect(end(80, 30)).toBe(80 + 2 * 30);
    expect(end(null, 30)).toBe(100 + 2 * 30);
    expect(end(80, null)).toBe(80);
  });

  test("no more for an answer that has not come than its caller takes at most", () => {
    expect(charged(() => {}, 400, 1)).toBe(100 + 2);
  });

  test("for an answer that is longer than usual as it grows", async () => {
    const { shares, clock, node, of, received } = start();
    const tally = { completionTokens: 100 };
    shares.take(node, of("ann"), 400)!.begin(metered(tally, 100_000));
    shares.refresh("m");
    expect(received("ann")).toBe(100 + 2 * 200);
    const whole = metered({ completionTokens: 700 }, 100_000);
    shares.take(node, of("bob"), 400)!.begin(whole);
    await clock.pass(249);
    shares.refresh("m");
    expect(received("bob")).toBe(100 + 2 * 200);
    await clock.pass(1);
    shares.refresh("m");
    expect(received("bob")).toBe(100 + 2 * 700);
  });

  test("for no more than the bytes that a lying node has seen and sent, and than the caller takes", () => {
    const lie = metered({ promptTokens: 9_000_000, completionTokens: 9_000_000 }, 500);
    const end = (charge: Charge) => {
      charge.begin(lie);
      charge.end();
    };
    expect(charged(end)).toBe(400 + 1_024 + 2 * 500);
    expect(charged(end, 400, 20)).toBe(400 + 1_024 + 2 * 20);
  });

  test("for its prompt where its caller leaves before anything has come, and for nothing where the node fails it", () => {
    const silent = metered({ chunks: 0 }, 0);
    expect(charged((charge) => {
      charge.begin(silent);
      charge.end();
    })).toBe(100);
    expect(charged((charge) => {
      charge.begin(silent);
      charge.waive();
      charge.end();
    })).toBe(0);
    expect(charged((charge) => charge.end())).toBe(0);
  });

  test("on its own node as on others', so that guests there have their part, and here nothing on another gateway's", () => {
    const { shares, world, node, of, received } = start();
    shares.take(node, of("owner-n"), 400);
    expect(received("owner-n")).toBe(100 + 2 * 200);
    const away = world.node("away", 1, ["m"], { gateway: "gw-2" });
    expect(shares.take(away.node, of("ann"), 400)).toBeNull();
  });
});

describe("an account", () => {
  function use(
    shares: TokenShares,
    node: Node,
    wanted: Parameters<TokenShares["take"]>[1],
    tokens: number,
  ) {
    const charge = shares.take(node, wanted, 0)!;
    charge.begin(metered({ promptTokens: tokens, completionTokens: 0 }, 0), tokens);
    charge.end();
  }

  test("that comes begins with what the one has received that was served last", () => {
    const { shares, node, of, received } = start();
    for (let i = 0; i < 3; i++) use(shares, node, of("ann"), 1_000);
    expect(received("ann")).toBe(3_000);
    expect(shares.entered(of("bob")).received).toBe(2_000);
    expect(shares.entered({ ...of("bob"), model: "other" }).received).toBe(0);
  });

  test("that pauses for a moment keeps what it is behind, and not once it was idle", async () => {
    const { shares, clock, node, of } = start();
    const bob = shares.entered(of("bob"));
    for (let i = 0; i < 3; i++) use(shares, node, of("ann"), 1_000);
    shares.left(bob, of("bob"));
    await clock.pass(1_900);
    expect(shares.entered(of("bob")).received).toBe(0);
    shares.left(bob, of("bob"));
    await clock.pass(2_000);
    expect(shares.entered(of("bob")).received).toBe(2_000);
  });

  test("saves nothing up by calls that wait for its own nodes", () => {
    const { shares, node, of } = start();
    shares.entered({ ...of("bob"), route: "own" });
    for (let i = 0; i < 3; i++) use(shares, node, of("ann"), 1_000);
    expect(shares.entered(of("bob")).received).toBe(2_000);
  });

  test("begins with what was received on the nodes that are for it, not on others of its model", () => {
    const { shares, world, memberships, of } = start();
    memberships.put("ann", "lab");
    memberships.put("eve", "lab");
    memberships.put("bob", "shop");
    const { node } = world.node("lab's", 1, ["m"], { shareWith: ["group:lab"] });
    for (let i = 0; i < 3; i++) use(shares, node, of("ann"), 1_000);
    expect(shares.entered(of("eve")).received).toBe(2_000);
    expect(shares.entered(of("bob")).received).toBe(0);
  });

  test("starts over with its model, where ten thousand other models were used after it", () => {
    const { shares, node, of, received } = start();
    use(shares, node, of("ann"), 1_000);
    expect(received("ann")).toBe(1_000);
    for (let i = 0; i < 10_000; i++) shares.seen({ ...of("bob"), model: `m${i}` });
    // Otherwise those who come now would begin below it, and go before it for long.
    expect([received("ann"), shares.seen(of("ann")).received]).toEqual([0, 0]);
  });

  test("that waits is the same account still where fifty thousand others came after it", () => {
    const { shares, of } = start();
    const first = shares.entered(of("ann"));
    for (let i = 0; i < 50_000; i++) shares.seen(of(`a${i}`));
    expect(shares.entered(of("ann"), first)).toBe(first);
    expect(shares.seen(of("ann"))).toBe(first);
    for (let i = 0; i < 2; i++) shares.left(first, of("ann"));
    expect(first.any.waiting).toBe(0);
  });

  test("that comes is put behind others also where a thousand accounts have private nodes", () => {
    const { shares, world, node, of, received } = start();
    for (let i = 0; i < 3; i++) use(shares, node, of("ann"), 1_000);
    const emails = Array.from({ length: 1_100 }, (_, i) => `user:a${i}@x` as const);
    const { node: named } = world.node("named", 1, ["m"], { shareWith: emails });
    for (let i = 0; i < 1_100; i++) use(shares, named, of(`a${i}`), 10);
    expect(received("zoe")).toBe(2_000);
  });

  test("is forgotten where fifty thousand others came after it", () => {
    const { shares, node, of, received } = start();
    use(shares, node, of("ann"), 1_000);
    expect(received("ann")).toBe(1_000);
    for (let i = 0; i < 50_000; i++) shares.seen(of(`a${i}`));
    expect(received("ann")).toBe(0);
  });
});

test("of accounts that have received as many tokens, one of the group goes first that has received fewer", async () => {
  const world = new World({ queuePerModel: 50 });
  world.node("n");
  const held = await world.lease(world.call({ account: "first" }));
  for (let i = 0; i < 5; i++) world.groups.put(`lab${i}`, "lab");
  world.groups.put("shop0", "shop");
  const wait = (account: string) => {
    const answer = new KeptAnswer();
    const call = world.call({ account, stream: true, wantsPosition: true });
    void world.relay.run(call, answer);
    return answer;
  };
  for (let i = 0; i < 5; i++) wait(`lab${i}`);
  const shop = wait("shop0");
  await world.clock.pass(1_000);
  expect(shop.positions.at(-1)).toBe(2);
  held.release();
});
