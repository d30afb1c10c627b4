/** `client doctor`: checks all that lies between this machine's models and the gateway, from near to far. */

import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { connect as connectTls } from "node:tls";
import { decodeV2, SUBPROTOCOL_V2 } from "../../protocol/mod.ts";
import { buildFacts } from "../../release/mod.ts";
import {
  type Check,
  climb,
  failed,
  type Finding,
  ok,
  skipped,
  warning,
} from "../../service/mod.ts";
import { isListed, type ListedModel } from "../adapter/adapter.ts";
import { providerTypes } from "../adapter/provider_types.ts";
import { command, type Env } from "../command.ts";
import {
  ConfigError,
  loadConfig,
  type NodeConfig,
  type ProviderConfig,
  serverUrls,
} from "../config/config.ts";
import { askControl } from "../daemon/control.ts";
import type { DaemonStatus } from "../daemon/daemon.ts";
import { dialFault } from "../http/dial_fault.ts";
import { dialError } from "../link/link_error.ts";
import { termsOf } from "../node.ts";
import { Gate } from "../policy/gate.ts";
import { machineHere } from "../policy/machine_here.ts";
import { realWorld, silentLog } from "../world.ts";
import { Gateway, printable } from "./gateway.ts";
import { configPathOf, instanceFlags } from "./instance.ts";
import { programName } from "./program_name.ts";
import { modelCount, shown, t } from "../texts.ts";
import { stateNames } from "./status.ts";

const WITHIN_MS = 10_000;
/** A gateway that speaks v2 says so at once. */
const HELLO_WITHIN_MS = 3_000;
const MIN_FREE_BYTES = 100 * 1024 * 1024;
/** Tokens and certificates do not depend on the clock to the second. */
const MAX_SKEW_MS = 60_000;

export const doctor = command({
  about: t`Check configuration, network, gateway and models; each line with a cause and a cure`,
  args: {
    ...instanceFlags,
    report: {
      type: "boolean",
      description:
        t`Begin with versions and the configuration without its secrets, to show to others`,
    },
  },
  async run(args, env) {
    const path = configPathOf(args, env);
    const say = (line: string) => console.log(line);
    const config = configOf(path, env);
    if (args.report) { for (const line of reportHead(path, config)) say(line); }
    const checks = config instanceof ConfigError
      ? [{ name: t`configuration`, run: () => problemsOf(config) }]
      : checksOf(path, config, args.as, env);
    if (await climb(checks, say)) return 0;
    if (!(config instanceof ConfigError)) {
      say(t`The manual: ${gatewayAt(serverUrls(config)[0]!).address}/docs/joining`);
    }
    return 1;
  },
});

function configOf(path: string, env: Env): NodeConfig | ConfigError {
  try {
    return loadConfig(path, env).config;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function problemsOf({ problems }: ConfigError): Finding[] {
  return problems.map((problem) =>
    problem.includes("no such file")
      ? failed(shown(problem), t`join a gateway first: ${programName} join https://GATEWAY`)
      : failed(shown(problem), t`fix it there; docs/configuration.md lists every key`)
  );
}

function checksOf(path: string, config: NodeConfig, as: string | undefined, env: Env): Check[] {
  const url = serverUrls(config)[0]!;
  const isSecure = url.protocol === "wss:";
  return [
    { name: t`configuration`, run: () => ok(path) },
    { name: t`permissions`, run: () => permissions(path) },
    { name: t`disk`, run: () => disk(path) },
    { name: t`node`, run: () => running(path, as, env) },
    ...config.policy === undefined ? [] : [{ name: t`policy`, run: () => policy(config) }],
    { name: "DNS", run: () => dns(url) },
    { name: "TCP", run: () => tcp(url) },
    { name: t`proxy`, run: () => proxy(url, env) },
    { name: "TLS", run: () => isSecure ? tls(url) : plain(url) },
    { name: t`gateway`, run: () => gatewayOf(url) },
    { name: t`clock`, run: () => clock(url) },
    { name: t`WebSocket and token`, run: () => link(url, config.client_token) },
    ...config.share_with === undefined || config.share_with === "everyone" ? [] : [{
      name: "share_with",
      run: () => sharing(url, config.client_token),
    }],
    { name: t`approval`, run: () => approval(url, config, path, as, env) },
    ...config.providers.map((provider, i): Check => ({
      name: `providers[${i}] ${provider.type}`,
      run: () => models(provider),
    })),
  ];
}

function permissions(path: string): Finding {
  try {
    accessSync(dirname(resolve(path)), constants.W_OK);
  } catch {
    return warning(
      t`${dirname(resolve(path))} cannot be written`,
      t`the node runs, but "${programName} init" cannot change its configuration there`,
    );
  }
  const token = join(dirname(path), "token");
  if (process.platform === "win32" || !existsSync(token)) {
    return ok(t`the configuration is yours alone`);
  }
  return (statSync(token).mode & 0o077) === 0
    ? ok(t`the token is readable by you alone`)
    : failed(t`others can read ${token}`, `chmod 600 ${token}`);
}

function disk(path: string): Finding {
  const { bavail, bsize } = statfsSync(dirname(resolve(path)));
  const free = bavail * bsize;
  const text = t`${Math.round(free / 2 ** 20)} MiB free`;
  return free >= MIN_FREE_BYTES
    ? ok(text)
    : warning(text, t`make room: the log and updates need some; the node itself goes on`);
}

/** What the owner's policy says now, and which of its conditions this machine cannot tell. */
async function policy(config: NodeConfig): Promise<Finding> {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
  const world = { ...realWorld, log };
  const gate = new Gate({ ...termsOf(config), machine: machineHere(), world, onChange: () => {} });
  await gate.start();
  gate.stop();
  const [unknown] = warnings;
  if (unknown !== undefined) {
    return warning(shown(unknown), t`docs/sharing.md says what each system tells`);
  }
  return ok(
    gate.pause === null
      ? t`calls are taken now`
      : t`no calls are taken now: ${shown(gate.pause.reason)}`,
  );
}

async function running(path: string, as: string | undefined, env: Env): Promise<Finding> {
  const status = await askControl<DaemonStatus>({ configPath: path, as }, "status", {}, env)
    .catch(() => null);
  if (status === null) {
    return warning(t`not running`, t`start it: ${programName}, or ${programName} service install`);
  }
  if (status.configProblems !== null) {
    return failed(
      t`runs with an older configuration, because this one cannot be used: ${
        shown(status.configProblems[0] ?? "")
      }`,
      t`fix the file; the node then uses it at once`,
    );
  }
  if (status.state === "connected") return ok(t`connected, ${modelCount(status.models.length)}`);
  return warning(
    `${stateNames[status.state]}: ${shown(status.lastProblem ?? "") || t`not connected yet`}`,
    t`see below`,
  );
}

async function dns({ hostname }: URL): Promise<Finding> {
  const name = hostname.replace(/^\[|\]$/g, "");
  try {
    const found = await lookup(name, { all: true });
    return ok(t`${name} is ${found.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    return failed(
      t`the name ${name} is not known (${(error as { code?: string }).code})`,
      t`check server_url for a misspelling, and this machine's network`,
    );
  }
}

function portOf({ port, protocol }: URL): number {
  return Number(port) || (protocol === "wss:" ? 443 : 80);
}

function tcp(url: URL): Promise<Finding> {
  const { promise, resolve } = Promise.withResolvers<Finding>();
  const port = portOf(url);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const startedMs = performance.now();
  const socket = connect({ host, port, timeout: WITHIN_MS });
  const end = (finding: Finding) => {
    socket.destroy();
    resolve(finding);
  };
  socket.on(
    "connect",
    () => end(ok(t`port ${port} answers in ${Math.round(performance.now() - startedMs)} ms`)),
  );
  socket.on(
    "timeout",
    () =>
      end(
        failed(
          t`port ${port} does not answer`,
          t`a firewall drops the connection, here or there; or the gateway is off`,
        ),
      ),
  );
  socket.on("error", async ({ code = "" }: { code?: string }) => {
    const target = { hostname: host, port, elapsedMs: performance.now() - startedMs };
    const fault = await dialFault(code, target);
    end(
      fault === "ECONNREFUSED"
        ? failed(
          t`port ${port}: ${t`connection refused`}`,
          t`is the gateway running there? Is the port in server_url right?`,
        )
        : failed(t`port ${port}: ${fault}`, shown(dialError({}, fault).reason)),
    );
  });
  return promise;
}

function proxy({ protocol }: URL, env: Env): Finding {
  const name = protocol === "wss:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = env[name] || env[name.toLowerCase()];
  if (!value) return skipped(t`none is set`);
  const shown = URL.parse(value)?.host ?? t`an address that is none`;
  return ok(t`${name} is ${shown}; NO_PROXY is ${env.NO_PROXY || env.no_proxy || t`not set`}`);
}

function plain({ hostname }: URL): Finding {
  const isLocal = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return isLocal ? skipped(t`the gateway is on this machine`) : warning(
    t`not encrypted: your token and all prompts can be read on the way`,
    t`use wss:// in server_url where the gateway has TLS`,
  );
}

function tls(url: URL): Promise<Finding> {
  const { promise, resolve } = Promise.withResolvers<Finding>();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const socket = connectTls({ host, port: portOf(url), servername: host, timeout: WITHIN_MS });
  const end = (finding: Finding) => {
    socket.destroy();
    resolve(finding);
  };
  socket.on("secureConnect", () => {
    const { valid_to, issuer } = socket.getPeerCertificate();
    const by = issuer?.O ?? issuer?.CN ?? t`an unknown authority`;
    end(ok(t`a certificate of ${printable(String(by))}, valid until ${valid_to}`));
  });
  socket.on(
    "timeout",
    () => end(failed(t`no TLS handshake in time`, t`check what stands before the gateway`)),
  );
  socket.on("error", (error) =>
    end(failed(
      shown(dialError({ error }).reason.replace("cannot connect: ", "")),
      t`check server_url; a CA of your own is named by NODE_EXTRA_CA_CERTS`,
    )));
  return promise;
}

function gatewayAt(url: URL): Gateway {
  return new Gateway(url.href);
}

async function gatewayOf(url: URL): Promise<Finding> {
  const { version } = await gatewayAt(url).info();
  const own = buildFacts.version;
  return version === own
    ? ok(t`version ${version}, as this node`)
    : ok(t`version ${printable(version)}; this node is ${own}`);
}

async function clock(url: URL): Promise<Finding> {
  const response = await fetch(`${gatewayAt(url).address}/livez`, {
    signal: AbortSignal.timeout(WITHIN_MS),
  }).catch(() => null); // Why it does not answer is in the lines above.
  const date = response?.headers.get("date") ?? null;
  if (date === null) return skipped(t`the gateway does not say its time`);
  const skewMs = Date.parse(date) - Date.now();
  const text = t`${Math.round(Math.abs(skewMs) / 1000)} s from the gateway's`;
  return Math.abs(skewMs) <= MAX_SKEW_MS ? ok(text) : warning(
    text,
    t`set this machine's clock, or ask the gateway's operator to set the gateway's: certificates and sign-ins are checked by both`,
  );
}

/** The upgrade alone: nothing is registered, so that a running node is not disturbed. */
function link(url: URL, token: string): Promise<Finding> {
  const { promise, resolve } = Promise.withResolvers<Finding>();
  const socket = realWorld.connect(url.href, { "Client-Token": token }, [SUBPROTOCOL_V2]);
  let lastError: unknown = null;
  const cancel = realWorld.after(WITHIN_MS, () => {
    resolve(
      failed(
        t`the gateway does not answer the upgrade`,
        t`a proxy before it may hold WebSockets up`,
      ),
    );
    socket.close();
  });
  socket.addEventListener("open", () => {
    cancel();
    resolve(ok(t`accepted`));
    socket.close(1000);
  });
  socket.addEventListener("error", (event) => lastError = event);
  socket.addEventListener("close", () => {
    cancel();
    const { reason } = dialError(lastError);
    resolve(failed(
      shown(reason.replace("cannot connect: ", "")),
      /token/.test(reason) ? t`join again: ${programName} join GATEWAY` : t`see the lines above`,
    ));
  });
  return promise;
}

/** A gateway says in HELLO, before anything is registered, whether it keeps to `share_with`. */
function sharing(url: URL, token: string): Promise<Finding> {
  const { promise, resolve } = Promise.withResolvers<Finding>();
  const socket = realWorld.connect(url.href, { "Client-Token": token }, [SUBPROTOCOL_V2]);
  const end = (finding: Finding) => {
    cancel();
    resolve(finding);
    socket.close(1000);
  };
  const tooOld = () =>
    end(warning(
      t`this gateway is too old to honour share_with: the node offers it nothing`,
      t`ask who runs the gateway to update it, or set share_with: everyone`,
    ));
  const cancel = realWorld.after(HELLO_WITHIN_MS, tooOld);
  socket.addEventListener("message", (event) => {
    const { data } = event as { data: string | ArrayBuffer };
    const decoded = typeof data === "string" ? null : decodeV2(new Uint8Array(data));
    if (decoded?.kind !== "frame" || decoded.frame.type !== "hello") return tooOld();
    if (decoded.frame.data.takes_share_with !== true) return tooOld();
    end(ok(t`the gateway sends only the calls that share_with lets in`));
  });
  socket.addEventListener("error", () => end(skipped(t`the gateway cannot be reached`)));
  return promise;
}

async function approval(
  url: URL,
  config: NodeConfig,
  path: string,
  as: string | undefined,
  env: Env,
): Promise<Finding> {
  const status = await askControl<DaemonStatus>({ configPath: path, as }, "status", {}, env)
    .catch(() => null);
  if (status?.state !== "connected") return skipped(t`the node is not connected`);
  return approvalAt(gatewayAt(url), as ?? config.name ?? hostname());
}

interface NodePage {
  nodes: { name: string; state: string }[];
  next?: string | null;
}

/** Whether nodes of that name get calls, by the gateway's public list. */
export async function approvalAt(
  gateway: Pick<Gateway, "ask">,
  name: string,
): Promise<Finding> {
  const own: NodePage["nodes"] = [];
  for (let after: string | null = ""; after !== null;) {
    const page: NodePage = await gateway.ask(
      "GET",
      `/api/nodes?after=${encodeURIComponent(after)}`,
    );
    own.push(...page.nodes.filter((node) => node.name === name));
    after = page.next ?? null;
  }
  if (own.length === 0) return skipped(t`the public list of nodes does not have it`);
  return own.every(({ state }) => state === "unapproved")
    ? warning(t`the node waits for an administrator's approval`, t`ask who runs the gateway`)
    : ok(t`the node gets calls`);
}

async function models(provider: ProviderConfig): Promise<Finding[]> {
  const adapter = new providerTypes[provider.type](provider, realWorld);
  if (adapter.models === undefined) return [skipped(t`it has no list of models`)];
  let listed: readonly ListedModel[];
  try {
    listed = await adapter.models(AbortSignal.timeout(WITHIN_MS));
  } catch (error) {
    return [failed(
      printable((error as Error).message),
      t`is it running? Are base_url and api_key right?`,
    )];
  }
  if (!Array.isArray(provider.models)) return [ok(t`lists ${modelCount(listed.length)}`)];
  const ids = new Set(listed.map(({ id }) => id));
  const missing = provider.models.filter(({ local }) => !isListed(ids, local));
  if (missing.length === 0) {
    return [ok(t`has all that are configured: ${modelCount(provider.models.length)}`)];
  }
  return missing.map(({ local }) =>
    warning(
      t`does not list ${printable(local)}`,
      t`load it there, or remove it: ${programName} init`,
    )
  );
}

/** What helps others to help: no token, no key, no header, no path or query of an address. */
function reportHead(path: string, config: NodeConfig | ConfigError): string[] {
  const head = [
    `Co-Link node ${buildFacts.version}`,
    `Bun ${Bun.version}, ${process.platform} ${process.arch}`,
  ];
  if (config instanceof ConfigError) return [...head, `Configuration: ${path}, unusable`, ""];
  const providers = config.providers.map(({ type, base_url, models }) => {
    const where = base_url === undefined ? "" : ` at ${URL.parse(base_url)?.origin}`;
    return `  ${type}${where}: ${
      Array.isArray(models) ? modelCount(models.length) : "all its models"
    }`;
  });
  return [
    ...head,
    `Gateway: ${serverUrls(config).map(({ origin }) => origin).join(", ")}`,
    `At a time: ${config.max_parallel ?? 1} calls`,
    ...providers,
    "",
  ];
}
