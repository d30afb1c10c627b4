/** nginx in front of several gateways, configured as in `compose.cluster.yaml`. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { freePort } from "../../scripts/free_port.ts";
import { Program } from "../../scripts/program.ts";
import { at } from "../../scripts/root.ts";
import { requirements } from "../../scripts/testing/requirement.ts";
import { endAfterTests } from "./cleanup.ts";
import { temporaryFolder } from "./gateway.ts";
import { until } from "./wait.ts";

export interface Balancer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Where nodes dial. */
  readonly wsUrl: string;
}

/** Resolves once it listens. `gateways` are three URLs; the gateways behind them may be replaced. */
export async function startBalancer(gateways: readonly string[]): Promise<Balancer> {
  const program = requirements.nginx.find();
  if (program === null) throw new Error("Cannot start nginx: not found");
  const port = freePort();
  const folder = join(temporaryFolder(), "nginx");
  mkdirSync(folder);
  const config = join(folder, "nginx.conf");
  writeFileSync(config, configuration(port, folder, gateways));
  const errors = join(folder, "error.log");
  const nginx = new Program("nginx", [program, "-p", folder, "-c", config, "-e", errors], {
    cwd: folder,
  });
  // Stopped and not killed, because a killed nginx leaves its worker behind.
  endAfterTests(async () => void await nginx.stop());
  const url = `http://127.0.0.1:${port}`;
  await until("nginx listens", async () => (await fetch(`${url}/healthz`)).ok);
  return { url, wsUrl: `ws://127.0.0.1:${port}/ws` };
}

function configuration(port: number, folder: string, gateways: readonly string[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  return `${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
pid ${folder}/nginx.pid;
events {}
http {
${temporary}
access_log off;
${fromCompose(port, gateways)}
}
`;
}

/** Replaces names by addresses, and drops Docker's resolver, because Debian's nginx has no `resolve`. */
function fromCompose(port: number, gateways: readonly string[]): string {
  const compose = parse(readFileSync(at("compose.cluster.yaml"), "utf8"), { merge: true }) as {
    configs: { balancer: { content: string } };
  };
  return compose.configs.balancer.content
    .replaceAll("$$", "$")
    .replace("listen 8080;", `listen 127.0.0.1:${port};`)
    .replace(/resolver [^;]+;/, "")
    .replaceAll(" resolve ", " ")
    .replace(/gateway-(\d):8080/g, (_, n: string) => new URL(gateways[Number(n) - 1]!).host);
}
