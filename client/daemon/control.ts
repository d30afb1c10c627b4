/**
 * The door at which a running node answers `client status`, `pause` and their like: a Unix socket that
 * this user alone may open or, on Windows, a port of this machine with a token in a file of the user's.
 * It also shows that the node runs: a second one with the same configuration finds it taken.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { realPath, stateFolder } from "../link/identity.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Which node: of this configuration, and under a name of its own where there are several. */
export interface Instance {
  configPath: string;
  as?: string | undefined;
}

/** Answers a request by its path. Throws nothing: what fails is part of the answer. */
export type Handlers = Readonly<Record<string, (body: unknown) => unknown>>;

const ANSWER_WITHIN_MS = 5_000;
/** What the system takes as a socket's path, and a little less. */
const MAX_SOCKET_PATH = 100;

/** No node runs with this configuration. */
export class NotRunning extends Error {
  override readonly name = "NotRunning";
}

export interface ControlServer {
  stop(): void;
}

/** Opens the door; null: a node with this configuration runs already. */
export async function serveControl(
  instance: Instance,
  handlers: Handlers,
  env: Env,
): Promise<ControlServer | null> {
  const isTaken = await askControl(instance, "status", {}, env).then(() => true, () => false);
  if (isTaken) return null;
  const path = doorOf(instance, env);
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // A node that was killed has left its door.
  rmSync(path, { force: true });
  return process.platform === "win32" ? servePort(path, handlers) : serveSocket(path, handlers);
}

function serveSocket(path: string, handlers: Handlers): ControlServer | null {
  try {
    const server = Bun.serve({ unix: path, fetch: (request) => answer(request, handlers) });
    chmodSync(path, 0o600);
    return { stop: () => void server.stop(true) };
  } catch (error) {
    // Another node that started at the same moment was first.
    if ((error as { code?: string }).code === "EADDRINUSE") return null;
    throw error;
  }
}

function servePort(path: string, handlers: Handlers): ControlServer {
  const token = crypto.randomUUID() + crypto.randomUUID();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      isSame(request.headers.get("authorization") ?? "", token)
        ? answer(request, handlers)
        : new Response(null, { status: 403 }),
  });
  writeFileSync(path, JSON.stringify({ port: server.port, token }), { mode: 0o600 });
  return {
    stop() {
      rmSync(path, { force: true });
      void server.stop(true);
    },
  };
}

async function answer(request: Request, handlers: Handlers): Promise<Response> {
  const name = new URL(request.url).pathname.slice(1);
  const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
  if (handler === undefined) return new Response(null, { status: 404 });
  return Response.json(await handler(await request.json().catch(() => ({}))) ?? {});
}

/** Asks the node that runs with this configuration. Throws NotRunning. */
export async function askControl<T>(
  instance: Instance,
  name: string,
  body: object,
  env: Env,
): Promise<T> {
  for (const path of doorsOf(instance, env)) {
    try {
      const response = await fetch(...await requestTo(path, name, body));
      if (response.ok) return await response.json() as T;
    } catch {
      // No node is behind this door.
    }
  }
  throw new NotRunning("No node runs with this configuration");
}

function requestTo(path: string, name: string, body: object): [string, RequestInit] {
  const init = {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  };
  if (process.platform !== "win32") {
    return [`http://node/${name}`, { ...init, unix: path } as RequestInit];
  }
  const { port, token } = JSON.parse(readFileSync(path, "utf8")) as { port: number; token: string };
  return [`http://127.0.0.1:${port}/${name}`, { ...init, headers: { authorization: token } }];
}

/** Where a system-wide service, which has a state folder of its own, has its door. */
const SYSTEM_FOLDER = "/run/co-link-node";

function doorsOf(instance: Instance, env: Env): string[] {
  const name = doorName(instance);
  return [
    doorOf(instance, env),
    ...process.platform === "linux" ? [join(SYSTEM_FOLDER, name)] : [],
  ];
}

/** systemd names the folder of a service that asks for one. */
function doorOf(instance: Instance, env: Env): string {
  const name = doorName(instance);
  if (env.RUNTIME_DIRECTORY) return join(env.RUNTIME_DIRECTORY, name);
  const path = join(stateFolder(env), name);
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH
    ? path
    : join(tmpdir(), `co-link-${userInfo().uid}`, name);
}

function doorName({ configPath, as = "" }: Instance): string {
  const hash = createHash("sha256").update(`${realPath(configPath)}\n${as}`).digest("hex");
  return `node-${hash.slice(0, 16)}.${process.platform === "win32" ? "json" : "sock"}`;
}

function isSame(given: string, token: string): boolean {
  return given.length === token.length && timingSafeEqual(Buffer.from(given), Buffer.from(token));
}
