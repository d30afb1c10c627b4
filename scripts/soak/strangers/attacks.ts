/** What strangers try against a gateway: one row for each budget of docs/configuration.md that can be tried from outside, and for each kind of blame. */

import { connect } from "node:net";
import { zstdCompressSync } from "node:zlib";
import { encodeJson, encodePack, encodeStreamV2, everyEndpoint } from "../../../protocol/mod.ts";
import type { Account } from "../../../tests/harness/account.ts";
import { hello } from "../../../tests/harness/api.ts";
import { piece, whole } from "../../../tests/harness/chunks.ts";
import { CHAT_PATH } from "../../bench/target.ts";
import { forge } from "./forgeries.ts";
import type { Kind } from "./kinds.ts";
import { HONEST_MODEL, POISONS } from "./poisons.ts";

export interface Place {
  url: string;
  wsUrl: string;
}

export interface Attacker extends Place, Account {
  victim: string;
  /** The gateways' Redis, which one of the attackers can write to without knowing their secret. */
  redisUrl: string;
  /** Counts from 0. */
  round: number;
}

export interface Attack {
  kind: Kind;
  /** Between two rounds. */
  everyMs: number;
  round(attacker: Attacker): Promise<void>;
}

const MIB = 1024 * 1024;
const PATIENCE_MS = 10_000;

const packed = (text: string) => zstdCompressSync(text);
const BOMB = packed(JSON.stringify({ ...hello("mute"), padding: "x".repeat(10 * MIB - 1000) }));
const MEMBERS = packed(
  `{"model":"x",${Array.from({ length: 800_000 }, (_, i) => `"${i}":1`).join()}`,
);
const LONG_NAMES = Array.from({ length: 1000 }, (_, i) => `${"n".repeat(190)}-${i}`);
const SIGN_OF_LIFE = encodeJson("status", 0, { x: "x".repeat(250_000) } as never);
const CHANGE = encodeJson("status", 0, { max_parallel: 1 });
const CHANGES = encodePack(Array.from({ length: 30_000 }, () => CHANGE))!;
const UNKNOWN = new Uint8Array([99, 0, 0, 0, 0, 0, 0, 0]);
const UNKNOWNS = encodePack(Array.from({ length: 80_000 }, () => UNKNOWN))!;

const LIST_REQUEST = "GET /api/nodes HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.130\r\n\r\n";

export const ATTACKS: readonly Attack[] = [
  {
    kind: "big-bodies",
    everyMs: 1000,
    async round(attacker) {
      await keep("mute", () => nodeV1(attacker, { models: ["mute"], max_parallel: 1000 }));
      // The budget, and not the caller's patience, must bound them.
      void call(attacker, BOMB, { "content-encoding": "zstd" }).catch(() => {});
    },
  },
  {
    kind: "members",
    everyMs: 1000,
    round: (attacker) => call(attacker, MEMBERS, { "content-encoding": "zstd" }),
  },
  {
    kind: "poison",
    everyMs: 300,
    async round(attacker) {
      const { prompt, isStream } = POISONS[attacker.round % POISONS.length]!;
      const messages = [{ role: "user", content: prompt }];
      const body = { model: HONEST_MODEL, messages, ...(isStream && { stream: true }) };
      await call(attacker, JSON.stringify(body));
    },
  },
  {
    kind: "failing-node",
    everyMs: 2000,
    async round(attacker) {
      const register = { models: [HONEST_MODEL], max_parallel: 10_000, node_id: "failing" };
      await keep("failing", () =>
        nodeV1(attacker, register, ({ request_id }, send) => {
          send({ type: "ERROR", data: { request_id, code: 500, message: "no" } });
        }));
    },
  },
  {
    kind: "packs",
    everyMs: 1500,
    async round(attacker) {
      const capabilities = { endpoints: [...everyEndpoint] };
      const models = LONG_NAMES.map((name) => name.slice(-30));
      const socket = await nodeV2(attacker, {
        models,
        capabilities: Object.fromEntries(models.map((model) => [model, capabilities])),
      });
      for (let i = 0; i < 5; i++) socket.send(attacker.round % 2 === 0 ? CHANGES : UNKNOWNS);
      await closed(socket);
    },
  },
  {
    kind: "twins",
    everyMs: 1000,
    async round(attacker) {
      const register = { models: ["twin"], max_parallel: 1, node_id: "twin" };
      const links = await Promise.all(
        Array.from({ length: 50 }, () => nodeV1(attacker, register)),
      );
      if (attacker.round % 4 === 3) { for (const link of links) link.terminate(); }
    },
  },
  {
    kind: "pinning",
    everyMs: 3000,
    async round(attacker) {
      const socket = await nodeV2(attacker, { models: ["pinning"] });
      const calling = called(socket);
      const answer = call(attacker, JSON.stringify(hello("pinning"))).catch(() => {});
      const stream = await calling;
      socket.send(encodeJson("head", stream, { status: 200, headers: {} }));
      const bytes = encodeStreamV2(stream, new Uint8Array(4096).fill(0x20));
      const message = encodePack([bytes, SIGN_OF_LIFE, SIGN_OF_LIFE, SIGN_OF_LIFE])!;
      for (let i = 0; i < 60; i++) {
        socket.send(message);
        await Bun.sleep(5);
      }
      socket.terminate();
      await answer;
    },
  },
  {
    kind: "list-readers",
    everyMs: 1000,
    async round(attacker) {
      await keep("long names", () => nodeV1(attacker, { models: LONG_NAMES, max_parallel: 1 }));
      for (let i = 0; i < 5; i++) {
        const { hostname, port } = new URL(attacker.url);
        const socket = connect(Number(port), hostname).on("error", () => {});
        socket.pause();
        for (let k = 0; k < 5; k++) socket.write(LIST_REQUEST);
        setTimeout(() => socket.destroy(), 5000);
      }
    },
  },
  {
    kind: "absurd-counts",
    everyMs: 1000,
    async round(attacker) {
      const usage = { prompt_tokens: 2 ** 53 - 1, completion_tokens: 2 ** 53 - 1 };
      await keep(
        "lies",
        () =>
          nodeV1(attacker, { models: ["lies"], max_parallel: 8 }, ({ request_id }, send) => {
            send({ type: "STREAM", data: { request_id, chunk: { ...whole("hi"), usage } } });
            send({ type: "FINISH", data: { request_id } });
          }),
      );
      await call(attacker, JSON.stringify(hello("lies")));
    },
  },
  {
    kind: "sign-ins",
    everyMs: 200,
    async round({ url, victim, round }) {
      const from = { "x-forwarded-for": "203.0.113.7" };
      const email = round % 5 === 0 ? victim : `nobody-${round}@example.org`;
      await post(`${url}/api/auth/login`, { email, password: "some password" }, from);
    },
  },
  {
    kind: "accounts",
    everyMs: 500,
    async round({ url, round }) {
      const body = {
        email: `many-${round}-${crypto.randomUUID()}@example.org`,
        password: "a long one",
      };
      await post(`${url}/api/auth/register`, body, { "x-forwarded-for": "203.0.113.50" });
    },
  },
  {
    kind: "guesses",
    everyMs: 100,
    async round(attacker) {
      const { url, round } = attacker;
      const from = { "x-forwarded-for": "203.0.113.90" };
      if (round % 3 === 0) await call(attacker, JSON.stringify(hello(`guess-${round}`)), from);
      else if (round % 3 === 1) await post(`${url}/v1/nonsense-${round}`, {}, from);
      else {await post(`${url}${CHAT_PATH}`, hello("x"), {
          ...from,
          authorization: `Bearer sk-${round}`,
        });}
    },
  },
  {
    kind: "malformed",
    everyMs: 500,
    async round(attacker) {
      const link = await keep("alternating", () => nodeV1(attacker, { models: ["alternating"] }));
      for (let i = 0; i < 200; i++) {
        link.send(`{"type": ${i}`);
        link.send(`{"type":"STATUS","data":{}}`);
      }
    },
  },
  {
    kind: "dials",
    everyMs: 200,
    async round(attacker) {
      const models = LONG_NAMES.map((name) => name.slice(-100));
      const link = await nodeV1(attacker, { models, node_id: crypto.randomUUID() });
      link.terminate();
    },
  },
  {
    kind: "forged-redis",
    everyMs: 250,
    round: ({ redisUrl, round }) => forge(redisUrl, round),
  },
  {
    kind: "new-models",
    everyMs: 1000,
    async round(attacker) {
      const models = Array.from({ length: 1000 }, (_, i) => `new-${attacker.round}-${i}`);
      const link = await nodeV1(attacker, { models, node_id: "inventive" });
      const from = { "x-forwarded-for": "203.0.113.120" };
      await call(attacker, JSON.stringify(hello(`unheard-of-${attacker.round}`)), from);
      link.terminate();
    },
  },
  {
    kind: "list-pages",
    everyMs: 100,
    async round({ url, round }) {
      for (let i = 0; i < 10; i++) {
        const headers = { "x-forwarded-for": "203.0.113.140" };
        const answer = await fetch(`${url}/api/nodes?after=${round}-${i}`, { headers });
        await answer.arrayBuffer();
      }
    },
  },
  {
    kind: "stalled-streams",
    everyMs: 2000,
    async round(attacker) {
      const chunk = piece("x".repeat(8000));
      await keep(
        "pouring",
        () =>
          nodeV1(attacker, { models: ["pouring"], max_parallel: 100 }, ({ request_id }, send) => {
            for (let i = 0; i < 200; i++) send({ type: "STREAM", data: { request_id, chunk } });
          }),
      );
      const { hostname, port } = new URL(attacker.url);
      const socket = connect(Number(port), hostname).on("error", () => {});
      socket.pause();
      const body = JSON.stringify(hello("pouring", { stream: true }));
      socket.write(
        `POST ${CHAT_PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${attacker.apiToken}\r\n` +
          `content-length: ${body.length}\r\n\r\n${body}`,
      );
      setTimeout(() => socket.destroy(), 60_000);
    },
  },
];

interface Registration {
  models: readonly string[];
  max_parallel?: number;
  node_id?: string;
  capabilities?: object;
}

type OnCall = (call: { request_id: string }, send: (frame: object) => void) => void;

/** Links that stay between rounds, by name and gateway. */
const kept = new Map<string, WebSocket>();

/** The link of this name at the attacker's gateway, dialled again where it was lost. */
async function keep(name: string, dial: () => Promise<WebSocket>): Promise<WebSocket> {
  const link = kept.get(name);
  if (link?.readyState === WebSocket.OPEN) return link;
  const next = await dial();
  kept.set(name, next);
  return next;
}

async function nodeV1(
  { wsUrl, clientToken }: Attacker,
  { max_parallel = 1, ...more }: Registration,
  onCall: OnCall = () => {},
): Promise<WebSocket> {
  const socket = new WebSocket(wsUrl, { headers: { "client-token": clientToken } });
  const send = (frame: object) => socket.send(JSON.stringify(frame));
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data));
    if (frame.type === "CALL") onCall(frame.data, send);
  });
  await opened(socket);
  send({ type: "REGISTER", data: { max_parallel, ...more } });
  return socket;
}

async function nodeV2({ wsUrl, clientToken }: Attacker, offer: Registration): Promise<WebSocket> {
  const socket = new WebSocket(wsUrl, {
    headers: { "client-token": clientToken },
    protocols: ["colink.v2"],
  });
  socket.binaryType = "arraybuffer";
  await opened(socket);
  socket.send(encodeJson("register", 0, { max_parallel: 1, name: "stranger", ...offer } as never));
  return socket;
}

/** Resolves with the number of the first stream that the gateway begins. */
function called(socket: WebSocket): Promise<number> {
  const CALL = 16;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  socket.addEventListener("message", ({ data }) => {
    const bytes = new DataView(data as ArrayBuffer);
    if (bytes.getUint8(0) === CALL) resolve(bytes.getUint32(4));
  });
  setTimeout(() => reject(new Error("no call came")), PATIENCE_MS);
  return promise;
}

async function opened(socket: WebSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => resolve());
  socket.addEventListener("error", () => reject(new Error("refused")));
  await promise;
}

async function closed(socket: WebSocket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.addEventListener("close", () => resolve());
  setTimeout(() => {
    socket.terminate();
    resolve();
  }, PATIENCE_MS);
  await promise;
}

async function call(
  { url, apiToken }: Attacker,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<void> {
  const answer = await fetch(`${url}${CHAT_PATH}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiToken}`,
      "content-type": "application/json",
      ...headers,
    },
    body,
    signal: AbortSignal.timeout(6 * PATIENCE_MS),
  });
  await answer.arrayBuffer();
}

async function post(url: string, body: object, headers: Record<string, string>): Promise<void> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  await answer.arrayBuffer();
}
