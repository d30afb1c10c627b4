/** A real node: the built executable with a configuration file of its own. */

import { chmodSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ProviderConfig } from "../../client/config/config.ts";
import type { PolicyConfig } from "../../client/config/policy_shape.ts";
import type { NodeView } from "../../api/mod.ts";
import { Program } from "../../scripts/program.ts";
import { at } from "../../scripts/root.ts";
import { someSession } from "./account.ts";
import { endAfterTests, temporaryFolder } from "./cleanup.ts";
import { until } from "./wait.ts";

export interface NodeOptions {
  gateway: { url: string; wsUrl: string };
  /** Where it dials when the gateway fails or leaves. */
  serverUrls?: readonly string[];
  clientToken: string;
  providers: ProviderConfig[];
  /** On which terms its owner lends it. Default: always. */
  policy?: PolicyConfig;
  /** Default 3. */
  maxParallel?: number;
  /** What the gateway lists it as; default: the machine's name. */
  name?: string;
  env?: Record<string, string>;
  /** The words that stand before its own: what starts it in a network of its own. */
  launcher?: readonly string[];
}

export interface RunningNode {
  readonly program: Program;
  readonly configFile: string;
  readonly log: readonly string[];
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
  /** SIGKILL, as a crash. */
  kill(): Promise<void>;
}

const CONNECTED_WITHIN_MS = 60_000;

/** Resolves once the node is connected and the gateway lists every one of its models. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const folder = temporaryFolder();
  const configFile = writeConfig(folder, options);
  const before = await idsAlike(options);
  const program = new Program("node", [
    ...options.launcher ?? [],
    ...nodeCommand(),
    "-c",
    configFile,
  ], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, TMPDIR: tmpdir(), ...options.env },
  });
  endAfterTests(() => program.kill());
  await program.line(isConnected, CONNECTED_WITHIN_MS);
  await until("the gateway lists the node", async () => {
    const now = await idsAlike(options);
    // A node of the same name that was killed a moment ago may still be listed.
    return now.some((id) => !before.includes(id));
  });
  return {
    program,
    configFile,
    log: program.lines,
    stop: () => program.stop({ graceMs: 60_000 }),
    kill: () => program.kill(),
  };
}

/** How the node is called: the executable, or with `COLINK_TEST_SOURCE=1` its source. */
export function nodeCommand(): string[] {
  return process.env.COLINK_TEST_SOURCE === "1"
    ? [process.execPath, at("client", "main.ts")]
    : [at("bin", "client")];
}

/** Comes before every node's id: the page that has no such place may be a second old. */
const BEFORE_ALL = "!";

/** The nodes as the gateway shows them now to the one who signed in last, or to a visitor. */
export async function listNodes(
  gateway: { url: string },
  { asVisitor = false } = {},
): Promise<NodeView[]> {
  const session = asVisitor ? undefined : someSession(gateway);
  const headers = session === undefined ? {} : { authorization: `Bearer ${session}` };
  const nodes: NodeView[] = [];
  for (let after: string | null = BEFORE_ALL; after !== null;) {
    const response: Response = await fetch(`${gateway.url}/api/nodes?after=${after}`, { headers });
    // An account asks a limited number of times a minute, and its session needs the database.
    if (!response.ok && !asVisitor) return await listNodes(gateway, { asVisitor: true });
    const page = await response.json() as { nodes: NodeView[]; next: string | null };
    nodes.push(...page.nodes);
    after = page.next;
  }
  return nodes;
}

function writeConfig(folder: string, options: NodeOptions): string {
  const file = join(folder, "config.yaml");
  const config = {
    client_token: options.clientToken,
    server_url: options.gateway.wsUrl,
    ...(options.serverUrls === undefined ? {} : { server_urls: options.serverUrls }),
    max_parallel: options.maxParallel ?? 3,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.policy === undefined ? {} : { policy: options.policy }),
    providers: options.providers,
  };
  writeFileSync(file, stringify(config));
  chmodSync(file, 0o600);
  return file;
}

function isConnected(line: string): true | undefined {
  if (!line.startsWith("{")) return undefined;
  return (JSON.parse(line) as { msg?: string }).msg === "connected" || undefined;
}

/** The nodes of that name, where it has one, that serve all these models, as far as the gateway knows. */
async function idsAlike({ gateway, providers, name }: NodeOptions): Promise<string[]> {
  const models = providers.flatMap((one) => Array.isArray(one.models) ? one.models : [])
    .map(({ local, server_mapping }) => server_mapping ?? local);
  const nodes = (await listNodes(gateway)).filter((node) => node.name === (name ?? node.name));
  return nodes.filter((node) => models.every((model) => node.supported_models.includes(model)))
    .map(({ id }) => id);
}
