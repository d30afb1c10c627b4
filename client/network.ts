/** The network as the machine's owner has it: proxies, certificate authorities of their own, a certificate for the link. */

import { readFileSync } from "node:fs";
import { getCACertificates } from "node:tls";
import type { NodeConfig } from "./config/config.ts";
import { type Env, proxyFor } from "./http/proxy_for.ts";
import type { SocketOptions, World } from "./world.ts";

type NetworkConfig = Pick<NodeConfig, "ca_file" | "client_cert_file" | "client_key_file">;

export class Network {
  /** Trusted in the place of the runtime's own; undefined: those alone are. */
  #ca: string[] | undefined;

  /** Throws where a file cannot be read. */
  constructor(private config: NetworkConfig, private readonly env: Env) {
    this.use(config);
  }

  /** Takes over another configuration: for connections that are made from now on. */
  use(config: NetworkConfig): void {
    const { ca_file } = config;
    this.#ca = ca_file === undefined
      ? undefined
      : [...getCACertificates("default"), readFileSync(ca_file, "utf8")];
    this.config = config;
  }

  /** The world by way of this network. */
  around(world: World): Pick<World, "fetch" | "connect"> {
    return {
      fetch: (url, init) => {
        const tls = this.#ca === undefined || !url.startsWith("https:")
          ? {}
          : { tls: { ca: this.#ca } };
        return world.fetch(url, { ...init, ...tls });
      },
      connect: (url, headers, protocols) =>
        world.connect(url, headers, protocols, this.#linkOptions(new URL(url))),
    };
  }

  /** Read for each link, because certificates are renewed. */
  #linkOptions(url: URL): SocketOptions {
    const { client_cert_file, client_key_file } = this.config;
    const proxy = proxyFor(url, this.env);
    const tls = {
      ...(this.#ca && { ca: this.#ca }),
      ...(client_cert_file && client_key_file && {
        cert: readFileSync(client_cert_file, "utf8"),
        key: readFileSync(client_key_file, "utf8"),
      }),
    };
    return { ...(proxy && { proxy }), ...(Object.keys(tls).length > 0 && { tls }) };
  }
}

/** Bun's fetch would send what is meant for this machine to a proxy, too. It reads the environment for each request. */
export function keepLoopbackDirect(env: Record<string, string | undefined>): void {
  const exceptions = [env.no_proxy || env.NO_PROXY, "localhost", "127.0.0.1", "::1", "[::1]"];
  env.NO_PROXY = env.no_proxy = exceptions.filter(Boolean).join();
}
