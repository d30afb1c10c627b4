/** Which proxy leads to an address, by the environment. */

export type Env = Readonly<Record<string, string | undefined>>;

/** The proxy that the environment names for an address; undefined: none, as for this machine itself. */
export function proxyFor({ protocol, hostname, port }: URL, env: Env): string | undefined {
  const named = (name: string) => env[name.toLowerCase()] || env[name];
  const isSecure = protocol === "wss:" || protocol === "https:";
  const proxy = named(isSecure ? "HTTPS_PROXY" : "HTTP_PROXY") || named("ALL_PROXY");
  if (!proxy || isLoopback(hostname)) return undefined;
  const ownPort = port || (isSecure ? "443" : "80");
  const exceptions = (named("NO_PROXY") ?? "").split(",").map((one) => one.trim().toLowerCase());
  const isExcepted = exceptions.some((exception) => {
    const [, host = "", onlyPort = ownPort] =
      /^(?:\*?\.)?(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(exception) ?? [];
    if (exception === "*") return true;
    const fits = hostname === host || hostname.endsWith(`.${host}`);
    return host !== "" && fits && onlyPort === ownPort;
  });
  if (isExcepted) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

function isLoopback(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
