/** Callers and visitors who ask for as much as they can: a bystander's calls are served all the while, and what an attack costs is bounded. */

import { beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { zstdCompressSync } from "node:zlib";
import { type Account, createAccount, login, register } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import {
  joinBystander,
  LONGEST_BLOCK_MS,
  whileWatched,
  type Witnessed,
} from "../harness/bystander.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { dial, headWithoutEnd } from "../harness/raw_http.ts";
import { joinRawNodeV2 } from "../harness/raw_node_v2.ts";
import { until } from "../harness/wait.ts";

const MIB = 1024 * 1024;
/** Several times what is seen, because garbage that is not collected yet counts too, and a fraction of what attacks send. */
const MOST_MIB = 160;

let gateway: Gateway;
let bystander: Account;
let attacker: Account;

beforeAll(async () => {
  gateway = await startGateway({
    env: {
      COLINK_TRUSTED_PROXIES: "127.0.0.1",
      COLINK_BODY_BYTES_PER_ACCOUNT: String(32 * MIB),
      COLINK_SIGN_INS_PER_MINUTE: "30",
      COLINK_ACCOUNTS_PER_HOUR: "12",
      COLINK_REFUSED_PER_MINUTE: "60",
      COLINK_QUEUE_PER_MODEL: "1000",
      COLINK_QUEUE_PER_ACCOUNT: "1000",
    },
  });
  [bystander, attacker] = [await createAccount(gateway), await createAccount(gateway)];
  await joinBystander(gateway, bystander);
}, 180_000);

function expectServed(seen: Witnessed): void {
  expect(seen.failures).toEqual([]);
  expect(seen.served).toBeGreaterThan(0);
  expect(seen.longestBlockMs).toBeLessThanOrEqual(LONGEST_BLOCK_MS);
}

const USED = 'colink_budget_used{budget="body_bytes_per_account"}';

async function gauge(name: string): Promise<number> {
  const { text } = await ask(`${gateway.url}/metrics`);
  const line = text.split("\n").find((line) => line.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

/** How many threads the gateway has that yield to its others. */
function threadsOfLowPriority(): number {
  const tasks = `/proc/${gateway.program.pid}/task`;
  const threads = readdirSync(tasks).map((thread) =>
    readFileSync(`${tasks}/${thread}/stat`, "utf8")
  );
  // After the name, which is in brackets and may hold spaces; the 19th of all fields.
  return threads.filter((stat) => stat.split(") ").at(-1)!.split(" ")[16] === "10").length;
}

/** The statuses of answers, each with how often it came. */
function counted(statuses: readonly (number | string)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

test(
  "small bodies that unpack to megabytes, for a node that never answers, fill their account's budget only",
  async () => {
    await joinRawNodeV2({ gateway, owner: attacker, models: ["mute-model"], maxParallel: 1000 });
    const bomb = zstdCompressSync(
      JSON.stringify({ ...hello("mute-model"), padding: "x".repeat(10 * MIB - 1000) }),
    );
    expect(bomb.byteLength).toBeLessThan(2000);
    const leave = new AbortController();
    const refused: string[] = [];
    const bombs: Promise<unknown>[] = [];
    const seen = await whileWatched(gateway, bystander, async () => {
      for (let i = 0; i < 180; i++) {
        const call = chat(gateway, attacker.apiToken, "", {
          body: bomb,
          headers: { "content-encoding": "zstd", "content-type": "application/json" },
          signal: leave.signal,
        }).then(({ status, json, headers }) => {
          refused.push(`${status} ${json.error.code} ${headers.has("retry-after")}`);
        }, () => {});
        bombs.push(call);
        if (i % 20 === 19) await Bun.sleep(50);
      }
      while (refused.length < 170) await Bun.sleep(50);
    });
    expect(Object.keys(counted(refused))).toEqual(["429 account_bodies_full true"]);
    expectServed(seen);
    // The budget's 32 MiB are full, and the refused ones are no more unpacked than it has room for.
    expect(seen.grownMiB).toBeLessThan(MOST_MIB);
    const { text } = await ask(`${gateway.url}/metrics`);
    expect(text).toMatch(
      /^colink_budget_refusals_total\{budget="body_bytes_per_account"\} 1\d\d$/m,
    );
    // Who leaves gives the budget back.
    leave.abort();
    await Promise.all(bombs);
    const used = /^colink_budget_used\{budget="body_bytes_per_account"\} (\d+)$/m;
    for (let bytes = "1"; Number(bytes) > 0; await Bun.sleep(20)) {
      bytes = used.exec((await ask(`${gateway.url}/metrics`)).text)?.[1] ?? "";
    }
  },
  180_000,
);

test(
  "callers who leave fill no more than their account's budget with bodies that v1 nodes do not read",
  async () => {
    const owner = await createAccount(gateway);
    const models = Array.from({ length: 20 }, (_, i) => `unread-${i}`);
    const nodes = await Promise.all(
      models.map((model) => joinNode({ gateway, owner, models: [model], maxParallel: 10 })),
    );
    for (const { raw } of nodes) (raw.socket as unknown as { pause(): void }).pause();
    const leave = new AbortController();
    const call = (model: string) =>
      chat(gateway, owner.apiToken, "", {
        body: zstdCompressSync(
          JSON.stringify({ ...hello(model), padding: "x".repeat(9 * MIB) }),
        ),
        headers: { "content-encoding": "zstd", "content-type": "application/json" },
        signal: leave.signal,
      }).then(({ json }) => String(json.error.code), () => "left");
    const seen = await whileWatched(gateway, bystander, async () => {
      const calls = models.map(call);
      await Promise.any(calls);
      leave.abort();
      expect(counted(await Promise.all(calls))).toHaveProperty("account_bodies_full");
      // The bystander may have one.
      await until("the calls are over", async () => await gauge("colink_calls_running") <= 1);
      expect(await gauge(USED)).toBeGreaterThan(16 * MIB);
    });
    expectServed(seen);
    // The copies in the sockets, and the texts from which they were made, of two calls in twenty.
    expect(seen.grownMiB).toBeLessThan(2 * MOST_MIB);
    for (const { raw } of nodes) raw.terminate();
    await until("the budget is free", async () => await gauge(USED) < MIB);
  },
  180_000,
);

test(
  "bodies with a million members are refused after a thousand, and long ones are read in slices",
  async () => {
    const members = (name: (i: number) => string) => {
      const all = Array.from({ length: 1_000_000 }, (_, i) => `"${name(i)}":1`).join();
      return zstdCompressSync(`{"model":"bystanders-model",${all.slice(0, 9 * MIB)}`);
    };
    const bodies = [members(String), members(() => "a")];
    const seen = await whileWatched(gateway, bystander, async () => {
      for (let i = 0; i < 30; i++) {
        const { status, json } = await chat(gateway, attacker.apiToken, "", {
          body: bodies[i % 2]!,
          headers: { "content-encoding": "zstd", "content-type": "application/json" },
        });
        expect([status, json.error.message]).toEqual([
          400,
          "Cannot read the body: it has more than 1000 members; a call needs a few",
        ]);
      }
    });
    expectServed(seen);
    expect(seen.grownMiB).toBeLessThan(MOST_MIB);
  },
  180_000,
);

test(
  "sign-ins and new accounts of one network neither shut others out nor go on without end",
  async () => {
    const from = (address: string) => ({ "x-forwarded-for": address });
    const honest = await Promise.all(Array.from({ length: 4 }, () => createAccount(gateway)));
    const seen = await whileWatched(gateway, bystander, async () => {
      const flood = Array.from(
        { length: 75 },
        (_, i) => login(gateway, `nobody-${i}@example.org`, "some password", from("203.0.113.7")),
      );
      const signedIn = await Promise.all(
        honest.map(({ email, password }, i) =>
          login(gateway, email, password, from(`198.51.100.${i}`))
        ),
      );
      expect(signedIn.map(({ status }) => status)).toEqual(honest.map(() => 200));
      if (process.platform === "linux") expect(threadsOfLowPriority()).not.toBe(0);
      const answers = await Promise.all(flood);
      expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(12);
      const throttled = answers.filter(({ status }) => status === 429);
      expect(throttled.length).toBeGreaterThanOrEqual(63);
      for (const { json } of throttled) expect(json.error.code).toBe("login_throttled");
      // From the harness' own address, which has made accounts before.
      const made: number[] = [];
      for (let i = 0; i < 8; i++) {
        made.push((await register(gateway, `many-${i}@example.org`, "some password")).status);
      }
      expect(made.filter((status) => status === 200).length).toBeLessThanOrEqual(6);
      expect(made.at(-1)).toBe(429);
    });
    expectServed(seen);
  },
  180_000,
);

test(
  "guesses of keys and of models cost their network its own limit, and little time",
  async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `${"m".repeat(150)}-${i}`);
    await joinNode({ gateway, owner: attacker, models: names });
    const seen = await whileWatched(gateway, bystander, async () => {
      const statuses: number[] = [];
      for (let i = 0; i < 100; i++) {
        const asked = hello(`${"m".repeat(150)}-x${i}`);
        statuses.push((await chat(gateway, attacker.apiToken, asked)).status);
      }
      expect(counted(statuses)).toEqual({ 404: 100 });
    });
    expectServed(seen);
    expect(seen.cpuSeconds).toBeLessThan(10);
  },
  180_000,
);

test(
  "bodies in hundreds of thousands of one-byte chunks are refused after some thousands",
  async () => {
    const chunks = "1\r\n \r\n".repeat(200_000);
    const heads = [
      headWithoutEnd(attacker.apiToken),
      "POST /api/auth/login HTTP/1.1\r\nhost: co-link\r\ncontent-type: application/json\r\n",
    ];
    const seen = await whileWatched(gateway, bystander, async () => {
      const callers = await Promise.all(Array.from({ length: 8 }, () => dial(gateway)));
      for (const [i, caller] of callers.entries()) {
        caller.write(`${heads[i % 2]}transfer-encoding: chunked\r\n\r\n${chunks}`);
      }
      for (const caller of callers) {
        await until("it is refused", () => caller.received.includes("HTTP/1.1 4"));
        caller.hangUp();
      }
    });
    expectServed(seen);
    expect(seen.grownMiB).toBeLessThan(MOST_MIB);
  },
  180_000,
);

test("forms of thousands of unknown members are answered with the first of them", async () => {
  const body = JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [i, i])));
  const seen = await whileWatched(gateway, bystander, async () => {
    for (const path of ["join", "join/token", "join/device", "auth/login"]) {
      const { status, text } = await ask(`${gateway.url}/api/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      expect(status).toBe(400);
      expect(text.length).toBeLessThan(8 * 1024);
    }
  });
  expectServed(seen);
  expect(seen.grownMiB).toBeLessThan(MOST_MIB);
}, 180_000);

test("readers of the list of nodes who never read hold a page each", async () => {
  // With the names of the tests above, fewer than one account may offer.
  const names = Array.from({ length: 900 }, (_, i) => `${"n".repeat(190)}-${i}`);
  for (let i = 0; i < 6; i++) {
    await joinNode({ gateway, owner: attacker, models: names });
  }
  const first = await ask<{ nodes: unknown[]; next: string | null }>(`${gateway.url}/api/nodes`);
  expect(first.text.length).toBeLessThan(MIB);
  expect(first.json.next).toBeString();
  const seen = await whileWatched(gateway, bystander, async () => {
    const readers = await Promise.all(Array.from({ length: 20 }, () => dial(gateway)));
    for (const reader of readers) reader.pause();
    // Several times the limit, where a reader held all that it asks for.
    for (let i = 0; i < 40; i++) {
      for (const reader of readers) {
        reader.write("GET /api/nodes HTTP/1.1\r\nhost: co-link\r\n\r\n");
      }
      await Bun.sleep(5);
    }
    await Bun.sleep(500);
    for (const reader of readers) reader.hangUp();
  });
  expectServed(seen);
  expect(seen.grownMiB).toBeLessThan(MOST_MIB);
}, 180_000);

test("a hundred reports of usage at once have a turn of the event loop each", async () => {
  const statuses: number[] = [];
  const seen = await whileWatched(gateway, bystander, async () => {
    await Promise.all(Array.from({ length: 110 }, async () => {
      statuses.push((await ask(`${gateway.url}/api/usage`, { token: attacker.jwt })).status);
    }));
  });
  expect(counted(statuses)).toEqual({ 200: 110 });
  expectServed(seen);
}, 180_000);

test(
  "thousands of requests in one packet, whose answers no one reads, hold up no others",
  async () => {
    const seen = await whileWatched(gateway, bystander, async () => {
      const readers = await Promise.all(Array.from({ length: 10 }, () => dial(gateway)));
      for (const [index, reader] of readers.entries()) {
        reader.pause();
        const path = ["/metrics", "/api/nodes", "/docs/en/configuration"][index % 3];
        reader.write(`GET ${path} HTTP/1.1\r\nhost: co-link\r\n\r\n`.repeat(4000));
      }
      await Bun.sleep(500);
      for (const reader of readers) reader.hangUp();
    });
    expectServed(seen);
    expect(seen.grownMiB).toBeLessThan(MOST_MIB);
  },
  180_000,
);

test("one network's thousands of visits end for it alone, and never for a balancer", async () => {
  const visit = async (path: string, address: string) => {
    const headers = { "x-forwarded-for": address };
    const response = await fetch(gateway.url + path, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  const statuses = new Set<number>();
  const seen = await whileWatched(gateway, bystander, async () => {
    for (let i = 0; i < 6100; i += 50) {
      const some = Array.from({ length: 50 }, () => visit("/install.sh", "203.0.113.9"));
      for (const status of await Promise.all(some)) statuses.add(status);
    }
  });
  expect([...statuses].sort()).toEqual([200, 429]);
  const paths = ["/metrics", "/docs", "/", "/api/info", "/api/user/me", "/livez", "/readyz"];
  expect(await Promise.all(paths.map((path) => visit(path, "203.0.113.9"))))
    .toEqual([429, 429, 429, 429, 429, 200, 200]);
  expect(await visit("/metrics", "203.0.113.10")).toBe(200);
  expectServed(seen);
}, 180_000);

test("visitors who page through the list of nodes from ever new places cost little", async () => {
  const seen = await whileWatched(gateway, bystander, async () => {
    for (let i = 0; i < 200; i++) {
      const { status } = await ask(`${gateway.url}/api/nodes?after=${i.toString(36)}-${i}`);
      expect(status).toBe(200);
    }
  });
  expectServed(seen);
  expect(seen.cpuSeconds).toBeLessThan(4);
}, 180_000);

test("a thousand Idempotency-Keys and places that are none hold nothing of others' room, nor their calls up", async () => {
  const node = await joinNode({
    gateway,
    owner: attacker,
    models: ["keyed-model"],
    maxParallel: 50,
  });
  answerEveryCall(node);
  const statuses: (number | string)[] = [];
  const seen = await whileWatched(gateway, bystander, async () => {
    const flood = async (from: number) => {
      for (let i = from; i < from + 50; i++) {
        const { status } = await chat(gateway, attacker.apiToken, hello("keyed-model"), {
          headers: {
            "content-type": "application/json",
            "idempotency-key": `flood-key-${i}`,
            "last-event-id": i % 2 ? "1e9" : "",
          },
        });
        statuses.push(status);
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => flood(50 * i)));
    for (
      const line of [
        "idempotency-key: \u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008",
        "idempotency-key: a b c d e",
      ]
    ) {
      const caller = await dial(gateway);
      const body = JSON.stringify(hello("keyed-model"));
      caller.write(
        `${headWithoutEnd(attacker.apiToken)}${line}\r\nconnection: close\r\n` +
          `content-length: ${body.length}\r\n\r\n${body}`,
      );
      expect((await caller.answer()).status).toBe(400);
    }
  });
  expectServed(seen);
  expect(counted(statuses)).toEqual({ 200: 500, 400: 500 });
  expect(await gauge('colink_budget_used{budget="idempotency_keys"}')).toBe(500);
  expect(seen.grownMiB).toBeLessThan(MOST_MIB);
});
