/** A gateway without a socket: its real parts over SQLite, asked through the app's `request`, with nodes that play a script. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CreatedKey, UserView } from "../../../api/mod.ts";
import { createApp } from "../../app.ts";
import { readConfig } from "../../base/read_config.ts";
import { silentLog } from "../../base/log.ts";
import { FakeClock } from "../../base/testing/fake_clock.ts";
import { createParts, type GatewayParts, type PartsWorld } from "../../gateway_parts.ts";
import type { AttemptSink, Order, RunningAttempt } from "../../node/attempt.ts";
import { Node, type NodeOffer } from "../../node/node.ts";
import { nodeObserverOf } from "../../node_lifecycle.ts";

export interface TestAnswer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  text: string;
  /** Undefined: the body is not JSON. */
  json: T;
}

export interface Ask {
  /** Sent as a bearer. */
  token?: string;
  headers?: Record<string, string>;
  /** Sent as JSON unless it is text or a stream. */
  body?: unknown;
}

export interface TestAccount extends UserView {
  session: string;
}

/** Plays the node's part of one call. */
export type Script = (sink: AttemptSink, order: Order) => void;

export class TestApp {
  readonly clock: FakeClock;
  readonly parts: GatewayParts;
  isDraining = false;
  /** Idle timeouts that handlers have set, in seconds. */
  readonly timeouts: number[] = [];
  readonly #app;
  readonly #dataDir: string;

  private constructor(clock: FakeClock, parts: GatewayParts, dataDir: string) {
    [this.clock, this.parts, this.#dataDir] = [clock, parts, dataDir];
    this.#app = createApp(parts);
  }

  static async start(
    settings: Record<string, string> = {},
    world: Pick<PartsWorld, "fetch"> = {},
  ): Promise<TestApp> {
    const dataDir = mkdtempSync(join(tmpdir(), "co-link-app-"));
    const config = readConfig({
      COLINK_DATA_DIR: dataDir,
      JWT_SECRET: crypto.randomUUID(),
      ...settings,
    });
    const clock = new DatedClock();
    let app: TestApp | null = null;
    const parts = await createParts(config, {
      clock,
      log: silentLog,
      random: () => 0,
      consoleDir: null,
      isDraining: () => app?.isDraining === true,
      peerUrl: () => "http://127.0.0.1:1",
      ...world,
    });
    return app = new TestApp(clock, parts, dataDir);
  }

  async stop(): Promise<void> {
    const { keyring, ledger, register, limits, store } = this.parts;
    await keyring.close();
    await register.close();
    await ledger.close();
    await limits.close();
    await store.close();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  /** The response as it is, for streams. */
  send(route: string, { token, headers, body }: Ask = {}, signal?: AbortSignal): Promise<Response> {
    const [method = "", path = ""] = route.split(" ");
    const server = {
      port: 1,
      // As the runtime, which knows no copy of a request.
      requestIP: (asked: Request) => asked === request ? { address: "192.0.2.1", port: 2 } : null,
      timeout: (_: Request, seconds: number) => void this.timeouts.push(seconds),
      upgrade: () => false,
    };
    const request = new Request(`http://localhost${path}`, {
      method,
      ...(signal && { signal }),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
    });
    return Promise.resolve(this.#app.fetch(request, { server: server as never }));
  }

  /** The whole answer. */
  async ask<T = Record<string, unknown>>(route: string, ask: Ask = {}): Promise<TestAnswer<T>> {
    const { status, headers, ...response } = await whole(await this.send(route, ask));
    return { status, headers, ...response as { text: string; json: T } };
  }

  /** A new account with a session. Its password is `x`, which cannot be signed in with: hashing takes time. */
  async account(email: string, role: "user" | "admin" = "user"): Promise<TestAccount> {
    const { accounts, keys, sessions, store, clock } = this.parts;
    const account = {
      id: `acc_${email.replaceAll(/\W/g, "_")}`,
      email,
      passwordHash: "x",
      role,
      createdAt: clock.now(),
      disabledAt: null,
      deletedAt: null,
      rpm: null,
      models: null,
      budget: null,
      weight: null,
      totalApiCalls: 0,
      totalProvidedCalls: 0,
    };
    const own = (["api", "node"] as const)
      .map((kind) => keys.fresh(account.id, kind, { isDefault: true }).key);
    await store.addAccount(account, own);
    const session = await sessions.begin(account, { address: "192.0.2.1", userAgent: null });
    return { ...await accounts.view(account.id), session: session! };
  }

  /** A further key of an account. */
  async key({ session }: TestAccount, limits: object = {}): Promise<CreatedKey> {
    const { json } = await this.ask<CreatedKey>("POST /api/keys", {
      token: session,
      body: { name: "k", ...limits },
    });
    return json;
  }

  /** Connects a node of the account, which answers calls by `script`. */
  join(
    { id: accountId }: Pick<TestAccount, "id">,
    { keyId = "key", ...offer }: Partial<NodeOffer> & { name: string; keyId?: string },
    script: Script = () => {},
  ): Node {
    const { hub, register, clock } = this.parts;
    const who = {
      publicId: `node_${offer.name}`,
      nodeKey: `key of ${offer.name}`,
      accountId,
      keyId,
    };
    const connection = {
      start(order: Order, sink: AttemptSink) {
        queueMicrotask(() => script(sink, order));
        // The node confirms, and its slot is free, before the clock passes.
        return { ...running, cancel: () => queueMicrotask(() => sink.finish()) };
      },
      close() {},
    };
    const whole = { agent: null, maxParallel: 2, models: ["m"], ...offer };
    const node = new Node(who, whole, connection, clock.now());
    hub.add(node);
    nodeObserverOf(register, this.parts.lent).connected(node);
    return node;
  }

  /** What the audit log has of an action, newest first. */
  async audited(
    action: string,
  ): Promise<{ actor: string | null; target: string | null; detail: object }[]> {
    const { entries } = await this.parts.audit.page({ action, limit: 50 });
    return entries.map(({ actor, target, detail }) => ({ actor, target, detail }));
  }
}

async function whole(response: Response) {
  const { status, headers } = response;
  const text = await response.text();
  const isJson = headers.get("content-type")?.startsWith("application/json");
  return { status, headers, text, json: isJson ? JSON.parse(text) as unknown : undefined };
}

function isRaw(body: unknown): body is string | ReadableStream {
  return typeof body === "string" || body instanceof ReadableStream;
}

/** Passes as a fake clock, from the time at which the test began: the database uses its own. */
class DatedClock extends FakeClock {
  readonly #startedAt = Date.now() - super.monotonic();

  override now(): number {
    return this.#startedAt + this.monotonic();
  }
}

/** What an attempt's sender may do; nothing in it depends on that. */
const running: RunningAttempt = {
  tally: () => ({ promptTokens: 1, completionTokens: 2, estimated: false, chunks: 1 }),
  consumed() {},
  cancel() {},
  forget() {},
};
