/** A gateway that is told to stop takes nothing new, lets what runs end, and writes all of it down. */

import { describe, expect, test } from "bun:test";
import { CloseCode } from "../../protocol/close_codes.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, type JoinedNode, joinNode } from "../harness/joined_node.ts";
import { ledgerOf } from "../harness/ledger.ts";
import { chatHead, dial } from "../harness/raw_http.ts";
import { until, within } from "../harness/wait.ts";

const MIB = 1024 * 1024;
const EXIT_OK = 0;
const EXIT_FAILED = 1;

interface World {
  gateway: Gateway;
  account: Account;
  node: JoinedNode;
}

async function startWorld(drainSeconds: string): Promise<World> {
  const gateway = await startGateway({
    env: { COLINK_DRAIN_SECONDS: drainSeconds, COLINK_MAX_BUFFERED_BYTES: String(64 * MIB) },
  });
  const account = await createAccount(gateway);
  const node = await joinNode({ gateway, owner: account, models: ["m"] });
  return { gateway, account, node };
}

/** A stream whose first piece has come; the node waits to be told what comes next. */
async function startStream({ gateway, account, node }: World) {
  const answering = stream(gateway, account.apiToken, hello("m"));
  const callId = await node.called();
  node.say(callId, "one");
  const { events } = await answering;
  expect((await events.next()).value).toContain("one");
  return { callId, events };
}

/** Resolves once the gateway no longer wants calls. */
async function draining({ url }: Gateway): Promise<void> {
  await until("the gateway is not ready", async () => {
    const { status, json } = await ask<{ status: string }>(`${url}/readyz`);
    return status === 503 && json.status === "draining";
  });
}

async function gauge({ url }: Gateway, name: string, value: number): Promise<void> {
  await until(`${name} is ${value}`, async () => {
    return (await ask(`${url}/metrics`)).text.split("\n").includes(`${name} ${value}`);
  });
}

describe("a gateway that received SIGTERM", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`by ${signal} finishes the stream that runs, refuses what is new, and ends with 0`, async () => {
      const world = await startWorld("20");
      const { gateway, account, node } = world;
      const { callId, events } = await startStream(world);
      gateway.program.signal(signal);
      await draining(gateway);

      const refused = await chat(gateway, account.apiToken, hello("m"));
      expect(refused.status).toBe(503);
      expect(refused.json.error.code).toBe("shutting_down");
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(refused.headers.get("x-should-retry")).toBe("true");
      const dialled = await ask(`${gateway.url}/ws`, {
        headers: { "client-token": account.clientToken },
      });
      expect(dialled.status).toBe(503);
      expect((await ask(`${gateway.url}/livez`)).status).toBe(200);
      expect(gateway.program.isRunning).toBe(true);

      node.say(callId, "two");
      node.finish(callId);
      const rest = await Array.fromAsync(events);
      expect(rest[0]).toContain("two");
      expect(rest.at(-1)).toBe("[DONE]");
      expect(await within("the end", gateway.program.ended)).toBe(EXIT_OK);
      expect(await node.raw.closed).toMatchObject({ code: CloseCode.restart });
      const rows = ledgerOf(gateway, "m");
      expect(rows).toEqual([expect.objectContaining({ outcome: "ok", delivered_chunks: 2 })]);
    });
  }

  test("still serves the calls that were waiting", async () => {
    const world = await startWorld("20");
    const { gateway, account, node } = world;
    const { callId, events } = await startStream(world);
    const waiting = chat(gateway, account.apiToken, hello("m"));
    await gauge(gateway, "colink_calls_waiting", 1);
    gateway.program.signal("SIGTERM");
    await draining(gateway);
    node.finish(callId);
    expect((await Array.fromAsync(events)).at(-1)).toBe("[DONE]");
    node.answer(await node.called(), "served");
    const answer = await waiting;
    expect(answer.status).toBe(200);
    expect(answer.text).toContain("served");
    expect(await gateway.program.ended).toBe(EXIT_OK);
    expect(ledgerOf(gateway, "m").map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
  });

  test("waits for no caller who has left and could only come back elsewhere", async () => {
    const { gateway, account, node } = await startWorld("60");
    const leave = new AbortController();
    const answering = fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${account.apiToken}`,
        "content-type": "application/json",
        "idempotency-key": "left-behind",
        "x-colink-resume-seconds": "300",
      },
      body: JSON.stringify({ ...hello("m"), stream: true }),
      signal: leave.signal,
    });
    node.say(await node.called(), "one");
    await (await answering).body!.getReader().read();
    leave.abort();
    await until(
      "its caller has left",
      async () => (await ask(`${gateway.url}/metrics`)).text.includes("colink_calls_running 1"),
    );
    gateway.program.signal("SIGTERM");
    expect(await within("the end", gateway.program.ended)).toBe(EXIT_OK);
    expect(ledgerOf(gateway, "m").map(({ outcome }) => outcome)).toEqual(["cancelled"]);
  });

  test("refuses a call whose body was still arriving", async () => {
    const world = await startWorld("20");
    const { gateway, account, node } = world;
    const { callId, events } = await startStream(world);
    const body = JSON.stringify(hello("m"));
    const slow = await dial(gateway);
    slow.write(chatHead(account.apiToken, body.length));
    gateway.program.signal("SIGTERM");
    await draining(gateway);
    slow.write(body);
    expect(await slow.answer()).toMatchObject({
      status: 503,
      json: { error: { code: "shutting_down" } },
    });
    node.finish(callId);
    await Array.fromAsync(events);
    expect(await gateway.program.ended).toBe(EXIT_OK);
  });

  test("ends a stream that is not complete in time with an error and without [DONE]", async () => {
    const world = await startWorld("0.5");
    const { gateway, account } = world;
    const { events } = await startStream(world);
    const waiting = chat(gateway, account.apiToken, hello("m"));
    await gauge(gateway, "colink_calls_waiting", 1);
    gateway.program.signal("SIGTERM");
    const rest = await within("the stream's end", Array.fromAsync(events));
    expect(rest).toHaveLength(1);
    expect(JSON.parse(rest[0]!).error).toMatchObject({ code: "shutting_down" });
    const answer = await waiting;
    expect(answer.status).toBe(503);
    expect(answer.json.error.code).toBe("shutting_down");
    expect(await within("the end", gateway.program.ended)).toBe(EXIT_OK);
    const rows = ledgerOf(gateway, "m");
    expect(rows.map(({ outcome }) => outcome)).toEqual(["interrupted", "interrupted"]);
    expect(rows[0]).toMatchObject({ produced_chunks: 1, delivered_chunks: 1 });
  });

  const answers: [what: string, streams: boolean, give: (node: JoinedNode, id: string) => void][] =
    [
      ["an answer", false, (node, id) => node.answer(id, "x".repeat(6 * MIB))],
      ["a stream", true, (node, id) => {
        for (let i = 0; i < 20; i++) node.say(id, "x".repeat(MIB / 2));
        node.finish(id);
      }],
    ];
  for (const [what, streams, give] of answers) {
    test(`lets a slow caller read the rest of ${what} that is complete here`, async () => {
      const { caller, node, gateway } = await startSlowCaller("20", streams, give);
      gateway.program.signal("SIGTERM");
      // Nodes are sent away when no call is left.
      await node.raw.closed;
      caller.resume();
      const { text } = await caller.answer();
      expect(text.length).toBeGreaterThan(6 * MIB);
      expect(text).toContain(streams ? "data: [DONE]\n\n" : `"finish_reason":"stop"}]}`);
      expect(await gateway.program.ended).toBe(EXIT_OK);
    });

    test(`waits no longer than it may for a caller that does not read ${what}`, async () => {
      const { gateway } = await startSlowCaller("0.5", streams, give);
      gateway.program.signal("SIGTERM");
      expect(await within("the end", gateway.program.ended)).toBe(EXIT_OK);
      expect(ledgerOf(gateway, "m").map(({ outcome }) => outcome)).toEqual(["ok"]);
    });
  }

  /** A call whose answer is complete at the gateway, and larger than all buffers on its way. */
  async function startSlowCaller(
    drainSeconds: string,
    streams: boolean,
    give: (node: JoinedNode, id: string) => void,
  ) {
    const world = await startWorld(drainSeconds);
    const { gateway, account, node } = world;
    const body = JSON.stringify(hello("m", { stream: streams }));
    const caller = await dial(gateway);
    caller.pause();
    caller.write(chatHead(account.apiToken, body.length) + body);
    give(node, await node.called());
    await until("the call is complete", () => ledgerOf(gateway, "m").length === 1);
    return { ...world, caller };
  }

  test("twice stops at once, and records the calls that it interrupts", async () => {
    const world = await startWorld("3600");
    const { gateway } = world;
    const { events } = await startStream(world);
    gateway.program.signal("SIGTERM");
    await draining(gateway);
    gateway.program.signal("SIGTERM");
    expect(await within("the end", gateway.program.ended)).toBe(EXIT_FAILED);
    const rest = await Array.fromAsync(events);
    expect(rest.map((data) => JSON.parse(data).error.code)).toEqual(["shutting_down"]);
    expect(ledgerOf(gateway, "m").map(({ outcome }) => outcome)).toEqual(["interrupted"]);
  });

  test("without calls ends at once, although nodes are connected", async () => {
    const { gateway, node } = await startWorld("3600");
    gateway.program.signal("SIGTERM");
    expect(await within("the end", gateway.program.ended)).toBe(EXIT_OK);
    expect(await node.raw.closed).toMatchObject({ code: CloseCode.restart });
  });

  test("during many calls loses none that it accepted, and records exactly those", async () => {
    const { gateway, account } = await startWorld("20");
    const models = ["busy"];
    answerEveryCall(await joinNode({ gateway, owner: account, models, maxParallel: 4 }));
    const served: string[] = [];
    const caller = async () => {
      for (;;) {
        try {
          const answer = await chat(gateway, account.apiToken, hello("busy"));
          if (answer.status !== 200) return expect(answer.status).toBe(503);
          expect(answer.text).toContain("hello");
          served.push(answer.headers.get("x-request-id")!);
        } catch {
          return; // Nothing listens any more.
        }
      }
    };
    const callers = Array.from({ length: 20 }, caller);
    await until("calls are served", () => served.length >= 50);
    expect(await gateway.stop()).toBe(EXIT_OK);
    await Promise.all(callers);
    const rows = ledgerOf(gateway, "busy");
    expect(rows.map(({ id }) => id).toSorted()).toEqual(served.toSorted());
  });
});
