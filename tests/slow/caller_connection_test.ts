/** A caller's connection: how long it may be idle, also during a call. */

import { beforeAll, describe, expect, test } from "bun:test";
import { type Account, createAccount } from "../harness/account.ts";
import { hello } from "../harness/api.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { type JoinedNode, joinNode } from "../harness/joined_node.ts";
import { dial, headWithoutEnd, type RawHttp, wholeCall } from "../harness/raw_http.ts";
import { until, within } from "../harness/wait.ts";

/** Bun checks for idle connections every four seconds. */
const NOTICED_WITHIN_MS = 60_000;

let gateway: Gateway;
let owner: Account;
let node: JoinedNode;

beforeAll(async () => {
  // Without keep-alive comments, which would be traffic.
  const env = { COLINK_CALLER_IDLE_SECONDS: "1", COLINK_KEEPALIVE_SECONDS: "3600" };
  gateway = await startGateway({ env });
  owner = await createAccount(gateway);
  node = await joinNode({ gateway, owner, models: ["pro-model"], maxParallel: 10 });
}, 180_000);

describe("a connection is closed", () => {
  const cases: [what: string, act: (caller: RawHttp) => Promise<void> | void][] = [
    ["in the middle of a request's head", (caller) => caller.write(headWithoutEnd(owner.apiToken))],
    ["in the middle of a body", (caller) => {
      caller.write(`${headWithoutEnd(owner.apiToken)}content-length: 1000\r\n\r\n{"model":`);
    }],
    ["in the middle of a chunked body", (caller) => {
      caller.write(
        `${headWithoutEnd(owner.apiToken)}transfer-encoding: chunked\r\n\r\n5\r\n{"mod\r\n`,
      );
    }],
    ["after a whole answer", async (caller) => {
      node.answer(await callBy(caller), "done");
      await until("the answer is here", () => caller.received.includes("done"));
    }],
    ["after a stream", async (caller) => {
      const id = await callBy(caller, { stream: true });
      node.say(id, "streamed");
      node.finish(id);
      await until("the stream is here", () => caller.received.includes("[DONE]"));
    }],
    ["after a refusal", async (caller) => {
      caller.write(wholeCall(owner.apiToken, hello("no-such-model")));
      await until("the refusal is here", () => caller.received.includes("model_not_found"));
    }],
  ];
  for (const [what, act] of cases) {
    test.concurrent(`${what}, once its time is up`, async () => {
      const caller = await dial(gateway);
      await act(caller);
      await closed(caller);
    });
  }
});

describe("a connection stays open", () => {
  test.concurrent("while its stream is silent for longer than the idle timeout", async () => {
    const caller = await dial(gateway);
    const id = await callBy(caller, { stream: true });
    node.say(id, "hm ");
    await outlastIdleTimeout();
    node.say(id, "thought through");
    node.finish(id);
    await until("the answer is whole", () => /thought through[^]*\[DONE\]/.test(caller.received));
  });

  test.concurrent("while its whole answer takes longer than the idle timeout", async () => {
    const caller = await dial(gateway);
    const id = await callBy(caller);
    await outlastIdleTimeout();
    node.answer(id, "thought through");
    await until("the answer is here", () => caller.received.includes("thought through"));
  });

  /** Waits until two idle connections, opened one after the other, were closed: a timed one would be, too. */
  async function outlastIdleTimeout(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      const idle = await dial(gateway);
      idle.write(`${headWithoutEnd(owner.apiToken)}content-length: 1000\r\n\r\n`);
      await closed(idle);
    }
  }
});

describe("a request that a proxy in front may read differently", () => {
  const head = "POST /v1/chat/completions HTTP/1.1\r\nhost: co-link\r\n";
  const cases: [what: string, text: string, status: number][] = [
    [
      "with both a length and chunks",
      `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\n\r\n`,
      400,
    ],
    ["with two lengths", `${head}content-length: 5\r\ncontent-length: 6\r\n\r\nhello!`, 400],
    ["with a negative length", `${head}content-length: -5\r\n\r\nhello`, 400],
    ["with an unknown transfer encoding", `${head}transfer-encoding: xchunked\r\n\r\n0`, 400],
    ["with a blank before a colon", `${head}content-length : 5\r\n\r\nhello`, 400],
    ["with a folded header", `${head}x-a: b\r\n c: d\r\n\r\n`, 400],
    ["without a host", "GET /livez HTTP/1.1\r\n\r\n", 400],
    ["with a header of 100,000 bytes", `${head}x-a: ${"b".repeat(100_000)}\r\n\r\n`, 431],
  ];
  for (const [what, text, status] of cases) {
    test(`${what} gets ${status}, once, and the connection is closed`, async () => {
      const caller = await dial(gateway);
      caller.write(text);
      await closed(caller);
      expect(caller.received.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
    });
  }
});

async function closed(caller: RawHttp): Promise<void> {
  await within("the connection to be closed", caller.closed, NOTICED_WITHIN_MS);
}

let calls = 0;

/** Sends a call and resolves with its id at the node. Marks it, because tests run concurrently. */
async function callBy(caller: RawHttp, more: Record<string, unknown> = {}): Promise<string> {
  const user = `caller ${calls++}`;
  caller.write(wholeCall(owner.apiToken, hello("pro-model", { ...more, user })));
  return await until(
    "the call is here",
    () =>
      node.raw.frames.flatMap((frame) =>
        frame.type === "CALL" && (frame.data.payload as { user?: string }).user === user
          ? [frame.data.request_id]
          : []
      )[0],
  );
}
