/** The URL of a PostgreSQL as every provider writes it: libpq's parameters, and those of poolers. */

import { checkedUrl, fileOf, parseServiceUrl, type ServiceUrl } from "./service_url.ts";
import { SettingError } from "./setting.ts";
import { t } from "../texts.ts";

/** What a connection needs. Undefined members: the driver's defaults. */
export interface DatabaseAddress {
  hosts: string[] | undefined;
  ports: number[] | undefined;
  /** The socket of a server on this machine. */
  socketPath: string | undefined;
  user: string | undefined;
  password: string | undefined;
  database: string | undefined;
  /** False: no TLS; "prefer": TLS where the server speaks it. */
  tls: TlsOptions | "prefer" | false;
  /** Whether sessions are shared among clients, as by pgbouncer in transaction mode, as far as the URL says. */
  isPooled: boolean;
  targetSession: string | undefined;
  /** Settings of the session. */
  session: Record<string, string>;
}

interface TlsOptions {
  rejectUnauthorized: boolean;
  /** Whether the certificate must be for the host's name. */
  checksName: boolean;
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  passphrase?: string | undefined;
}

const DEFAULT_PORT = 5432;

/** libpq's and other clients' parameters that change nothing here: own limits apply, or there is no such choice. */
const ignored: ReadonlySet<string> = new Set([
  ...["connect_timeout", "tcp_user_timeout", "client_encoding", "fallback_application_name"],
  ...["keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"],
  ...["krbsrvname", "gsslib", "gssdelegation", "sslcompression", "sslsni", "sslcertmode"],
  ...["ssl_min_protocol_version", "ssl_max_protocol_version", "load_balance_hosts", "passfile"],
  ...["connection_limit", "pool_timeout", "require_auth", "sslnegotiation"],
]);

/** Parameters that are read below, so that they are no settings of the session. */
const read: ReadonlySet<string> = new Set([
  ...["host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey"],
  ...["sslpassword", "channel_binding", "gssencmode", "pgbouncer", "target_session_attrs"],
]);

/** Values that ask for a protection that is not there. */
const refused: ReadonlySet<string> = new Set(["sslcrl", "sslcrldir", "requirepeer", "service"]);

const choices: Readonly<Record<string, readonly string[]>> = {
  sslmode: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
  channel_binding: ["disable", "prefer", "require"],
  // The connection could not be encrypted by Kerberos.
  gssencmode: ["disable", "prefer"],
  pgbouncer: ["true", "false"],
  target_session_attrs: ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"],
};

/** Throws SettingError, which names the part that is wrong. */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const url = parseServiceUrl(text, ["postgres", "postgresql"]);
  const { parameters } = url;
  for (const [name, value] of parameters) checkParameter(name, value);
  const given = (name: string) => parameters.get(name) || undefined;
  const hosts = given("host")?.split(",") ?? url.hosts.map(({ host }) => host);
  const ports = portsOf(url, hosts.length);
  const isSocket = hosts[0]?.startsWith("/") === true;
  const target = given("target_session_attrs");
  return {
    hosts: isSocket || hosts.length === 0 ? undefined : hosts,
    ports: isSocket || hosts.length === 0 ? undefined : ports,
    socketPath: isSocket ? `${hosts[0]}/.s.PGSQL.${ports[0]}` : undefined,
    user: given("user") ?? (url.username || undefined),
    password: given("password") ?? (url.password || undefined),
    database: given("dbname") ?? (url.path || undefined),
    tls: isSocket ? false : tlsOf(url),
    isPooled: given("pgbouncer") === "true",
    targetSession: target === "any" ? undefined : target,
    session: Object.fromEntries(
      [...parameters].filter(([name]) => !read.has(name) && !ignored.has(name)),
    ),
  };
}

export const databaseUrl = checkedUrl(parseDatabaseUrl);

function checkParameter(name: string, value: string): void {
  if (refused.has(name)) {
    throw new SettingError(t`its parameter ${name} is not supported; leave it out`);
  }
  const accepted = choices[name];
  if (accepted !== undefined && !accepted.includes(value)) {
    throw new SettingError(t`its ${name} must be one of ${accepted.join(", ")}`);
  }
}

function portsOf({ parameters, hosts }: ServiceUrl, count: number): number[] {
  const listed = parameters.get("port")?.split(",").map(Number) ?? [];
  if (listed.some((port) => !Number.isInteger(port) || port < 1 || port > 65535)) {
    throw new SettingError(t`its parameter port is no port`);
  }
  return Array.from(
    { length: Math.max(count, 1) },
    (_, i) => listed[i] ?? listed[0] ?? hosts[i]?.port ?? DEFAULT_PORT,
  );
}

/**
 * As libpq understands the modes. Channels are not bound here: where the URL requires it, the
 * certificate must prove instead that no one stands between.
 */
function tlsOf(url: ServiceUrl): DatabaseAddress["tls"] {
  const { parameters } = url;
  const root = parameters.get("sslrootcert");
  const ca = root === "system" ? undefined : fileOf(url, "sslrootcert");
  const isBound = parameters.get("channel_binding") === "require";
  const fallback = root === "system" || isBound ? "verify-full" : root ? "verify-ca" : "disable";
  const mode = parameters.get("sslmode") ?? fallback;
  if (mode === "disable") return false;
  if (mode === "allow" || mode === "prefer") return "prefer";
  const checksName = mode === "verify-full" || root === "system" || isBound;
  return {
    rejectUnauthorized: checksName || mode === "verify-ca" || ca !== undefined,
    checksName,
    ca,
    cert: fileOf(url, "sslcert"),
    key: fileOf(url, "sslkey"),
    passphrase: parameters.get("sslpassword"),
  };
}
