/** nginx or HAProxy in front of several gateways, configured as in `compose.cluster.yaml` and beside it. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { freePort } from "../../scripts/free_port.ts";
import { Program } from "../../scripts/program.ts";
import { at } from "../../scripts/root.ts";
import { requirements } from "../../scripts/testing/requirement.ts";
import { endAfterTests, temporaryFolder } from "./cleanup.ts";
import { until } from "./wait.ts";

export interface Balancer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Where nodes dial. */
  readonly wsUrl: string;
}

export type BalancerKind = "nginx" | "haproxy";

interface Setup {
  /** The file, its path in the folder, and how the program is called with it. */
  write(port: number, folder: string, gateways: readonly string[]): string;
  words(folder: string, config: string): string[];
}

const setups: Record<BalancerKind, Setup> = {
  nginx: {
    write: nginxConfiguration,
    words: (folder, config) => ["-p", folder, "-c", config, "-e", join(folder, "error.log")],
  },
  haproxy: {
    write: haproxyConfiguration,
    words: (_folder, config) => ["-db", "-f", config],
  },
};

/** Resolves once it listens. `gateways` are three URLs; the gateways behind them may be replaced. */
export async function startBalancer(
  gateways: readonly string[],
  kind: BalancerKind = "nginx",
): Promise<Balancer> {
  const { write } = setups[kind];
  return await start(kind, (port, folder) => write(port, folder, gateways));
}

/** A proxy in front of one gateway with no more settings than it needs. It gives up a gateway that is silent for so many seconds. */
export async function startProxy(
  gateway: { url: string },
  kind: BalancerKind,
  silenceSeconds: number,
): Promise<Balancer> {
  const { host } = new URL(gateway.url);
  const written: Record<BalancerKind, (port: number, folder: string) => string> = {
    nginx: (port, folder) =>
      nginxWith(
        folder,
        `server { listen 127.0.0.1:${port}; location / {
          proxy_pass http://${host}; proxy_read_timeout ${silenceSeconds}s; } }`,
      ),
    haproxy: (port) => `
defaults
  mode http
  timeout connect 5s
  timeout client ${silenceSeconds}s
  timeout server ${silenceSeconds}s
frontend all
  bind 127.0.0.1:${port}
  default_backend gateway
backend gateway
  server one ${host}
`,
  };
  return await start(kind, written[kind]);
}

/** nginx that serves the gateway below a path of its host: with the whole path, or, if it `strips`, without that part. */
export async function startProxyBelow(
  path: string,
  gateway: string,
  { strips }: { strips: boolean },
): Promise<Balancer> {
  const { url, wsUrl } = await start("nginx", (port, folder) =>
    nginxWith(
      folder,
      `
server {
  listen 127.0.0.1:${port};
  location = /healthz { return 200; }
  location ${path}/ {
    proxy_pass ${gateway}${strips ? "/" : ""};
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
  }
}`,
    ));
  return { url: url + path, wsUrl: wsUrl.replace("/ws", `${path}/ws`) };
}

async function start(
  kind: BalancerKind,
  write: (port: number, folder: string) => string,
): Promise<Balancer> {
  const program = requirements[kind].find();
  if (program === null) throw new Error(`Cannot start ${kind}: not found`);
  const port = freePort();
  const folder = join(temporaryFolder(), kind);
  mkdirSync(folder);
  const config = join(folder, `${kind}.conf`);
  const { words } = setups[kind];
  writeFileSync(config, write(port, folder));
  const running = new Program(kind, [program, ...words(folder, config)], { cwd: folder });
  // Stopped and not killed, because a killed nginx leaves its worker behind.
  endAfterTests(async () => void await running.stop());
  const url = `http://127.0.0.1:${port}`;
  await until(`${kind} listens`, async () => (await fetch(`${url}/healthz`)).ok);
  return { url, wsUrl: `ws://127.0.0.1:${port}/ws` };
}

function nginxConfiguration(port: number, folder: string, gateways: readonly string[]): string {
  // Debian's nginx has no `resolve`.
  const shipped = shippedIn("compose.cluster.yaml", "balancer", gateways)
    .replace("listen 8080;", `listen 127.0.0.1:${port};`)
    .replace(/resolver [^;]+;/, "")
    .replaceAll(" resolve ", " ");
  return nginxWith(folder, shipped);
}

/** nginx's configuration with these servers. */
function nginxWith(folder: string, servers: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  return `${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
pid ${folder}/nginx.pid;
events {}
http {
${temporary}
access_log off;
${servers}
}
`;
}

function haproxyConfiguration(port: number, _folder: string, gateways: readonly string[]): string {
  return shippedIn("compose.cluster.haproxy.yaml", "haproxy", gateways)
    .replace("bind :8080", `bind 127.0.0.1:${port}`)
    .replace(/resolvers docker\n(?: .*\n)+/, "")
    .replace(" resolvers docker", "");
}

/** The configuration in the compose file, with the gateways' addresses for their names. */
function shippedIn(file: string, name: string, gateways: readonly string[]): string {
  const compose = parse(readFileSync(at(file), "utf8"), { merge: true }) as {
    configs: Record<string, { content: string }>;
  };
  return compose.configs[name]!.content
    .replaceAll("$$", "$")
    .replace(/gateway-(\d):8080/g, (_, n: string) => new URL(gateways[Number(n) - 1]!).host);
}
