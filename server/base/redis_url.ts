/** The URL of Redis in any of its forms: a single server, a group under Sentinel, or a Redis Cluster. */

import { checkedUrl, fileOf, parseServiceUrl } from "./service_url.ts";
import { SettingError } from "./setting.ts";
import { t } from "../texts.ts";

type RedisForm = "single" | "sentinel" | "cluster";

export interface RedisAddress {
  form: RedisForm;
  hosts: { host: string; port: number }[];
  /** Empty: none; as the others. */
  username: string;
  password: string;
  sentinelUsername: string;
  sentinelPassword: string;
  /** Of a single server, or of the group. */
  database: number;
  /** Sentinel's name of the group. */
  group: string;
  /** Null: no TLS. */
  tls: { ca?: string; servername?: string } | null;
}

const forms: Readonly<Record<string, RedisForm>> = {
  redis: "single",
  "redis-sentinel": "sentinel",
  "redis-cluster": "cluster",
};

const schemes = Object.keys(forms).flatMap((name) => [name, name.replace("redis", "rediss")]);

const defaultPorts: Readonly<Record<RedisForm, number>> = {
  single: 6379,
  sentinel: 26379,
  cluster: 6379,
};

const parametersOf: Readonly<Record<RedisForm, readonly string[]>> = {
  single: ["ca_file", "tls_name"],
  sentinel: ["ca_file", "tls_name", "db", "sentinel_username", "sentinel_password"],
  cluster: ["ca_file", "tls_name"],
};

/** Throws SettingError, which names the part that is wrong. */
export function parseRedisUrl(text: string): RedisAddress {
  const url = parseServiceUrl(text, schemes);
  const { parameters, path } = url;
  const isSecure = url.scheme.startsWith("rediss");
  const form = forms[url.scheme.replace(/^rediss/, "redis")]!;
  const known = parametersOf[form];
  if ([...parameters.keys()].some((name) => !known.includes(name))) {
    throw new SettingError(t`its parameters may be ${known.join(", ")}`);
  }
  if (form === "sentinel" && path === "") {
    throw new SettingError(t`it lacks the group's name: redis-sentinel://host,host/group`);
  }
  const database = form === "sentinel" ? parameters.get("db") ?? "" : path;
  if (!/^\d{0,5}$/.test(database)) {
    throw new SettingError(t`its database is no number: redis://host:6379/0`);
  }
  const hosts = url.hosts.length > 0 ? url.hosts : [{ host: "127.0.0.1", port: null }];
  const ca = fileOf(url, "ca_file");
  const servername = parameters.get("tls_name");
  return {
    form,
    hosts: hosts.map(({ host, port }) => ({ host, port: port ?? defaultPorts[form] })),
    username: url.username,
    password: url.password,
    sentinelUsername: parameters.get("sentinel_username") ?? "",
    sentinelPassword: parameters.get("sentinel_password") ?? "",
    database: Number(database),
    group: form === "sentinel" ? path : "",
    tls: isSecure ? { ...(ca && { ca }), ...(servername && { servername }) } : null,
  };
}

export const redisUrl = checkedUrl(parseRedisUrl);
