/** The node's program facing a gateway that wants more of it than its owner lends. */

import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerWebSocket } from "bun";
import { stringify } from "yaml";
import {
  decodeV2,
  encodeCall,
  encodeCallStart,
  encodeCallV2,
  encodeJson,
  Endpoint,
  FrameTypeV2,
  type FrameV2,
  HEADER_BYTES,
  SUBPROTOCOL_V2,
} from "../../protocol/mod.ts";
import { Program } from "../../scripts/program.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";
import { nodeCommand } from "../harness/node.ts";
import { startUpstream, type Upstream } from "../harness/upstream.ts";
import { until } from "../harness/wait.ts";

const MIB = 1024 * 1024;
const OFFERED = "pro-model";
const SECRET = "secret-model";

const body = (model: string, more: object = {}) =>
  JSON.stringify({ model, messages: [{ role: "user", content: "hello" }], ...more });

/** A gateway in the hands of the test. */
class HostileGateway {
  readonly frames: FrameV2[] = [];
  readonly texts: string[] = [];
  readonly closes: number[] = [];
  /** How many nodes have registered. */
  registered = 0;
  #socket: ServerWebSocket<undefined> | undefined;
  readonly #server;

  constructor(readonly version: 1 | 2, takesShareWith = true) {
    const protocol = version === 2 ? { "sec-websocket-protocol": SUBPROTOCOL_V2 } : {};
    this.#server = Bun.serve<undefined>({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, server) =>
        server.upgrade(request, { headers: protocol })
          ? undefined
          : new Response(null, { status: 426 }),
      websocket: {
        maxPayloadLength: 8 * MIB,
        backpressureLimit: 1024 * MIB,
        open: (socket) => {
          this.#socket = socket;
          if (version === 1) socket.send('{"type":"READY","data":{}}');
          else {
            const hello = { versions: [1, 2], takes_share_with: takesShareWith };
            socket.send(encodeJson("hello", 0, hello));
          }
        },
        message: (_, message) => this.#receive(message),
        close: (_, code) => void this.closes.push(code),
      },
    });
    endAfterTests(() => this.#server.stop(true));
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.#server.port}/ws`;
  }

  send(...messages: (string | Uint8Array<ArrayBuffer>)[]): void {
    for (const message of messages) this.#socket!.send(message);
  }

  /** Sends the same message many times, and waits until the node has taken it. */
  async flood(message: Uint8Array<ArrayBuffer>, times: number): Promise<void> {
    const socket = this.#socket!;
    for (let sent = 0; sent < times && socket.readyState === WebSocket.OPEN; sent++) {
      if (socket.send(message) === 0) break;
      if (sent % 10_000 === 0) await Bun.sleep(0);
    }
    const isTaken = () => socket.readyState !== WebSocket.OPEN || socket.getBufferedAmount() === 0;
    await until("the node has taken all", isTaken, 60_000);
  }

  /** The ERROR or FINISH of a v2 stream. */
  end(stream: number): Promise<FrameV2> {
    return until(
      `stream ${stream} ends`,
      () => this.frames.find((one) => one.stream === stream && /^(error|finish)$/.test(one.type)),
    );
  }

  #receive(message: string | Buffer): void {
    if (typeof message === "string") {
      this.texts.push(message);
      if (message.includes('"REGISTER"')) this.registered++;
      return;
    }
    const decoded = decodeV2(Uint8Array.from(message));
    if (decoded.kind !== "frame") throw new Error(`The node sent ${decoded.kind}`);
    this.frames.push(decoded.frame);
    if (decoded.frame.type !== "register") return;
    this.registered++;
    this.send(encodeJson("welcome", 0, {
      session: "s",
      node: "n",
      ping_ms: 15_000,
      silence_ms: 45_000,
      window_bytes: MIB,
      max_frame_bytes: MIB,
    }));
  }
}

/** A node of two models, of which its owner lends one, at a server that reads names in any case. */
async function start(version: 1 | 2, more: object = {}, takesShareWith = true) {
  const ran: string[] = [];
  const upstream = startGoUpstream(ran);
  const gateway = new HostileGateway(version, takesShareWith);
  const folder = temporaryFolder();
  const file = join(folder, "config.yaml");
  writeFileSync(
    file,
    stringify({
      client_token: `client-${"x".repeat(43)}`,
      server_url: gateway.wsUrl,
      max_parallel: 4,
      ...more,
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: upstream.url,
        models: [{ local: OFFERED, server_mapping: OFFERED }],
      }],
    }),
  );
  chmodSync(file, 0o600);
  const program = new Program("node", [...nodeCommand(), "-c", file], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, TMPDIR: tmpdir() },
  });
  endAfterTests(() => program.kill());
  await until("the node has registered", () => gateway.registered > 0);
  return { gateway, upstream, program, ran };
}

/** An upstream that, as servers written in Go, takes the last member whose name is `model` in any case. */
function startGoUpstream(ran: string[]): Upstream {
  const readAsGo = (text: string) =>
    Object.entries(JSON.parse(text) as object)
      .findLast(([name]) => name.toUpperCase() === "MODEL")?.[1] as string;
  const upstream = startUpstream();
  for (const model of [OFFERED, SECRET]) {
    upstream.behave(model, ({ text }) => {
      ran.push(readAsGo(text));
      return Response.json({
        id: "1",
        object: "chat.completion",
        model,
        choices: [{
          index: 0,
          message: { role: "assistant", content: "hi" },
          finish_reason: "stop",
        }],
      });
    });
  }
  return upstream;
}

function residentMiB({ pid }: Program): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

/** The most by which the program's memory grows meanwhile. */
async function growthDuring(program: Program, attack: () => Promise<void>): Promise<number> {
  const before = residentMiB(program);
  let most = before;
  const timer = setInterval(() => most = Math.max(most, residentMiB(program)), 20);
  await attack().finally(() => clearInterval(timer));
  return Math.max(most, residentMiB(program)) - before;
}

const head = {
  id: "req-1",
  endpoint: Endpoint.chat,
  model: OFFERED,
  stream: false,
  hide_usage: false,
};

const refused: [what: string, body: string][] = [
  ["with Model beside model", body(OFFERED, { Model: SECRET })],
  ["with an escaped Model", body(OFFERED).replace("{", `{"\\u004dODEL":"${SECRET}",`)],
  ["that is a list", JSON.stringify([SECRET])],
  ["that is no JSON", `{"model":"${OFFERED}",}`],
];

describe("a call whose body a gateway should have refused", () => {
  test(
    "is refused by the node in wire v2, and the model that its owner lends is served",
    async () => {
      const { gateway, ran } = await start(2);
      for (const [i, [, text]] of refused.entries()) {
        gateway.send(...encodeCallV2(i + 1, head, new TextEncoder().encode(text)));
        expect(await gateway.end(i + 1)).toMatchObject({ type: "error", data: { code: 400 } });
      }
      expect(ran).toEqual([]);
      // Every exact `model` is replaced by the name of what is lent.
      const twice = body(OFFERED).replace("{", `{"model":"${SECRET}",`);
      for (const [i, text] of [body(OFFERED), twice].entries()) {
        gateway.send(
          ...encodeCallV2(50 + i, { ...head, id: `req-5${i}` }, new TextEncoder().encode(text)),
        );
        expect(await gateway.end(50 + i)).toMatchObject({ type: "finish" });
      }
      expect(ran).toEqual([OFFERED, OFFERED]);
    },
    180_000,
  );

  test("is refused by the node in wire v1", async () => {
    const { gateway, ran } = await start(1);
    gateway.send(encodeCall("bad", OFFERED, body(OFFERED, { Model: SECRET })));
    const said = (id: string, type: string) =>
      gateway.texts.find((text) => text.includes(`"${type}"`) && text.includes(`"${id}"`));
    const error = await until("the node answers", () => said("bad", "ERROR"));
    expect(JSON.parse(error).data.code).toBe(400);
    gateway.send(encodeCall("good", OFFERED, body(OFFERED)));
    await until("the node finishes", () => said("good", "FINISH"));
    expect(ran).toEqual([OFFERED]);
  }, 180_000);

  test("for a model that is not lent, under whatever name, is refused", async () => {
    const { gateway, ran } = await start(2);
    for (const [i, model] of [SECRET, OFFERED.toUpperCase(), "__proto__", ""].entries()) {
      gateway.send(
        ...encodeCallV2(i + 1, { ...head, model }, new TextEncoder().encode(body(SECRET))),
      );
      expect(await gateway.end(i + 1)).toMatchObject({ type: "error", data: { code: 404 } });
    }
    expect(ran).toEqual([]);
  }, 180_000);
});

describe("a call to a node that is lent to a group", () => {
  const lent = { share_with: ["group:lab"] };
  const bytes = new TextEncoder().encode(body(OFFERED));

  test(
    "is refused where it is not the group's, and costs the node's other calls nothing",
    async () => {
      const { gateway, ran, program } = await start(2, lent);
      for (const [i, audience] of [undefined, "group:other", "everyone", "me", ""].entries()) {
        const foreign = {
          ...head,
          id: `req-${i}`,
          ...(audience === undefined ? {} : { audience }),
        };
        gateway.send(...encodeCallV2(i + 1, foreign, bytes));
        expect(await gateway.end(i + 1)).toMatchObject({ type: "error", data: { busy: true } });
      }
      expect(ran).toEqual([]);
      for (const [i, audience] of ["group:lab", "owner"].entries()) {
        gateway.send(...encodeCallV2(10 + i, { ...head, id: `own-${i}`, audience }, bytes));
        expect(await gateway.end(10 + i)).toMatchObject({ type: "finish" });
      }
      expect(ran).toEqual([OFFERED, OFFERED]);
      await until(
        "the log says why",
        () =>
          program.lines.some((line) =>
            line.includes("refused a call that share_with does not let in")
          ),
      );
    },
    180_000,
  );

  for (const version of [1, 2] as const) {
    test(
      `is refused from a gateway of wire v${version} that knows of no groups, which is offered nothing`,
      async () => {
        const { gateway, ran, program } = await start(version, lent, false);
        if (version === 1) {
          expect(JSON.parse(gateway.texts[0]!).data).toMatchObject({ models: [] });
          gateway.send(encodeCall("bad", OFFERED, body(OFFERED)));
          const error = await until(
            "the node answers",
            () => gateway.texts.find((text) => text.includes('"ERROR"')),
          );
          expect(JSON.parse(error).data.message).toStartWith("BUSY");
        } else {
          expect(gateway.frames[0]).toMatchObject({ type: "register", data: { models: [] } });
          gateway.send(...encodeCallV2(1, head, bytes));
          expect(await gateway.end(1)).toMatchObject({ type: "error", data: { busy: true } });
        }
        expect(ran).toEqual([]);
        await until(
          "the log says why",
          () => program.lines.some((line) => line.includes("too old to honour share_with")),
        );
      },
      180_000,
    );
  }
});

describe("a flood of BODY frames", () => {
  const bodyFrame = (bytes: Uint8Array) => {
    const frame = new Uint8Array(HEADER_BYTES + bytes.byteLength);
    frame[0] = FrameTypeV2.body;
    frame[HEADER_BYTES - 1] = 1;
    frame.set(bytes, HEADER_BYTES);
    return frame;
  };
  const begin = (gateway: HostileGateway, bodyBytes: number) =>
    gateway.send(encodeCallStart(1, { ...head, body_bytes: bodyBytes }, new Uint8Array()));

  test("without bytes ends the link, and costs the node no memory", async () => {
    const { gateway, program } = await start(2);
    begin(gateway, MIB);
    const grownMiB = await growthDuring(program, async () => {
      await gateway.flood(bodyFrame(new Uint8Array()), 1_000_000);
      await until("the link ends", () => gateway.closes.length > 0);
    });
    expect(grownMiB).toBeLessThan(128);
    expect(gateway.closes[0]).toBe(4003);
    // The node dials again and serves.
    await until("the node is back", () => gateway.registered > 1);
  }, 180_000);

  test("of a byte each costs the node no more memory than its body", async () => {
    const { gateway, program } = await start(2);
    const bytes = new Uint8Array(300_000);
    begin(gateway, bytes.byteLength);
    const grownMiB = await growthDuring(program, async () => {
      await gateway.flood(bodyFrame(new Uint8Array([0x20])), bytes.byteLength);
      expect(await gateway.end(1)).toMatchObject({ type: "error", data: { code: 400 } });
    });
    expect(grownMiB).toBeLessThan(128);
  }, 180_000);
});
