/** nginx as a plain reverse proxy of the upstream: what every figure is compared with. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../free_port.ts";
import { requirements } from "../testing/requirement.ts";
import { canConnect } from "./http_socket.ts";
import { ServerProcess } from "./server_process.ts";

export interface Nginx {
  readonly port: number;
  readonly process: ServerProcess;
}

export interface NginxOptions {
  upstreamPort: number;
  folder: string;
  cores: string;
}

/** Resolves once it listens. */
export async function startNginx({ upstreamPort, folder, cores }: NginxOptions): Promise<Nginx> {
  const program = requirements.nginx.find();
  if (program === null) throw new Error("Cannot start nginx: not found");
  const port = freePort();
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "nginx.conf");
  writeFileSync(config, configuration({ port, upstreamPort, folder }));
  const process = new ServerProcess({
    name: "nginx",
    command: [program, "-p", folder, "-c", config, "-e", join(folder, "error.log")],
    folder,
    cores,
  });
  await process.ready(() => canConnect(port));
  return { port, process };
}

/**
 * One worker; connections are kept open on both sides, as long as the gateway keeps them; it writes
 * no access log, so it does less than the gateway.
 */
function configuration({ port, upstreamPort, folder }: {
  port: number;
  upstreamPort: number;
  folder: string;
}): string {
  const isRoot = process.getuid?.() === 0;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n");
  return `${isRoot ? "user root;\n" : ""}daemon off;
pid ${folder}/nginx.pid;
worker_processes 1;
worker_rlimit_nofile 16384;
events {
  worker_connections 8192;
}
http {
${temporary}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_buffer_size 1m;
  upstream model_server {
    server 127.0.0.1:${upstreamPort};
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://model_server;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 1h;
    }
  }
}
`;
}
