/** Reads config.yaml into a NodeConfig, and names all of its problems at once, with line and column. */

import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Document, isAlias, isNode, isScalar, visit } from "yaml";
import { noProviders, problemsOf, type ShapeProblem } from "./shape.ts";
import type { ProviderOptions } from "../adapter/provider_options.ts";
import type { ProviderType } from "../adapter/provider_types.ts";
import type { EndpointName } from "../../protocol/endpoint.ts";
import { phrase } from "../../text/mod.ts";
import type { ShareWith } from "../../protocol/mod.ts";
import type { OfferPolicyConfig, PolicyConfig } from "./policy_shape.ts";
import { systemError } from "./system_error.ts";
import { parseYaml } from "./yaml_problems.ts";

/** One model that a provider runs. */
export interface ModelConfig {
  /** Its name at the provider. */
  local: string;
  /** The name that callers ask the gateway for. Default: the same. */
  server_mapping?: string | undefined;
  /** The endpoints at which it can be called. Default: its provider's. */
  endpoints?: EndpointName[] | undefined;
  /** The terms on which it is lent, beyond its provider's. */
  policy?: OfferPolicyConfig | undefined;
}

/** Which models of a provider's own list are offered, and under which names. */
export interface AutoModels {
  /** Begins each name that callers ask for. */
  prefix?: string | undefined;
  /** Patterns of the provider's names, such as `llama3*`. Default: all that it lists. */
  allow?: string[] | undefined;
  /** Patterns that win over `allow`. */
  deny?: string[] | undefined;
}

/** A list of models, or all that the provider lists. */
export type ModelsConfig = ModelConfig[] | "auto" | { auto: AutoModels };

/** One upstream. Its key and its address never leave the node. */
export interface ProviderConfig extends ProviderOptions {
  type: ProviderType;
  /** The endpoints at which its models can be called. Default: what the provider lists, else all that its type serves. */
  endpoints?: EndpointName[] | undefined;
  models: ModelsConfig;
  /** The terms on which it is lent, beyond the node's. */
  policy?: OfferPolicyConfig | undefined;
}

/** The contents of config.yaml. */
export interface NodeConfig {
  /** `client-…`, from the console's Keys page. */
  client_token: string;
  /** `ws://` or `wss://`; `http` and `https` stand for them; the path defaults to `/ws`. */
  server_url: string;
  /** More gateways of the same network, dialled in turn when one cannot be reached or leaves. */
  server_urls?: string[] | undefined;
  /** Calls that run at a time. Default: 1. */
  max_parallel?: number | undefined;
  /** A name for people. Default: the machine's. */
  name?: string | undefined;
  /** The terms on which the machine is lent. Default: always. */
  policy?: PolicyConfig | undefined;
  /** Whose calls may come. Default: everyone's. */
  share_with?: ShareWith | undefined;
  /** Whether to tell the gateway the system, the processor and the graphics processors. Default: yes. */
  report_machine?: boolean | undefined;
  /** MiB that answers may keep until the gateway has them, beyond 128 KiB for each. Default: 16. */
  read_ahead_mib?: number | undefined;
  /** Whether to look once a day for a newer program at the gateway. Default: yes. */
  check_updates?: boolean | undefined;
  /** Certificate authorities (PEM) that are trusted besides the system's: for the link and for providers. */
  ca_file?: string | undefined;
  /** The node's own certificate for the link, and its key (PEM). */
  client_cert_file?: string | undefined;
  client_key_file?: string | undefined;
  providers: ProviderConfig[];
}

export interface LoadedConfig {
  config: NodeConfig;
  /** Further files that it names, relative to it. */
  files: string[];
  /** What is allowed but unwise, a sentence each. */
  warnings: string[];
}

/** The configuration cannot be used; `problems` names all that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads a configuration file. Throws a ConfigError that names every problem. */
export function loadConfig(path: string, env: Env): LoadedConfig {
  const text = readText(path);
  const { config, files } = parseText(text, env, path);
  refuseOpenFile(path, text, config);
  return { config, files, warnings: configWarnings(config) };
}

/** The same from text; `path` only names the file in the problems. */
export function parseConfig(text: string, env: Env, path = "config.yaml"): NodeConfig {
  return parseText(text, env, path).config;
}

function parseText(
  text: string,
  env: Env,
  path: string,
): Pick<LoadedConfig, "config" | "files"> {
  const { document, problems: broken, placeOf } = parseYaml(text);
  const at = (offset: number) => `${path}:${placeOf(offset)}`;
  if (broken.length > 0) {
    throw new ConfigError(broken.map(({ offset, message }) => `${at(offset)}: ${message}`));
  }

  const problems = new Map<number, string[]>();
  const addProblem = (offset: number, message: string) =>
    problems.set(offset, [...problems.get(offset) ?? [], `${at(offset)}: ${message}`]);
  const unset = new Set<number>();
  /** Values without quotes that variables are in: where a number must be, they are one. */
  const expanded = new Set<unknown>();
  visit(document, {
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "string") return;
      const offset = node.range?.[0] ?? 0;
      const isPlain = node.type === "PLAIN" && VARIABLE.test(node.value);
      VARIABLE.lastIndex = 0;
      if (isPlain) expanded.add(node);
      node.value = expand(node.value, env, (name) => {
        unset.add(offset);
        addProblem(offset, phrase`the environment variable ${name} is not set`);
      });
    },
  });

  for (const { path: place } of problemsOf(document.toJS())) {
    const node = document.getIn(place, true);
    if (!expanded.has(node) || !isScalar(node)) continue;
    const number = Number(node.value);
    if (node.value !== "" && Number.isFinite(number)) node.value = number;
  }
  const value: unknown = document.toJS();
  const tokenFile = takeTokenFile(value, dirname(path), (message) => {
    const node = document.get("client_token_file", true);
    addProblem(isNode(node) ? node.range?.[0] ?? 0 : 0, message);
  });
  const networkFiles = resolveFiles(value, dirname(path), (key, message) => {
    const node = document.get(key, true);
    addProblem(isNode(node) ? node.range?.[0] ?? 0 : 0, message);
  });
  for (const problem of [...problemsOf(value), ...noProviders(value)]) {
    const offset = offsetOf(document, problem);
    if (!unset.has(offset)) addProblem(offset, problem.message);
  }
  if (problems.size > 0) {
    throw new ConfigError([...problems].sort(([a], [b]) => a - b).flatMap(([, lines]) => lines));
  }
  return {
    config: value as NodeConfig,
    files: [...tokenFile === null ? [] : [tokenFile], ...networkFiles],
  };
}

/**
 * Reads the token from the file that stands for it, and puts it in the place of the file's name.
 * Returns that name; null: the token stands in the configuration itself.
 */
function takeTokenFile(
  value: unknown,
  folder: string,
  onProblem: (message: string) => void,
): string | null {
  const config = value as { client_token?: unknown; client_token_file?: unknown } | null;
  const file = config?.client_token_file;
  if (typeof file !== "string" || file === "") return null;
  delete config!.client_token_file;
  if (config!.client_token !== undefined) {
    onProblem(phrase`client_token_file stands beside client_token; one of them is enough`);
    return file;
  }
  // What the shape's check would say of a missing token is said here.
  config!.client_token = UNREAD_TOKEN;
  const path = resolve(folder, file);
  try {
    config!.client_token = readFileSync(path, "utf8").trim() || UNREAD_TOKEN;
    if (config!.client_token === UNREAD_TOKEN) {
      onProblem(`client_token_file ${path} ${phrase`is empty`}`);
    } else if (isOpenToOthers(path)) onProblem(openProblem(path));
  } catch (error) {
    const { code } = error as { code?: string };
    const hint = code === "ENOENT"
      ? phrase`no such file; join a gateway first`
      : systemError(error);
    onProblem(`client_token_file ${path}: ${hint}`);
  }
  return file;
}

const UNREAD_TOKEN = "client-unread";

const FILE_KEYS = ["ca_file", "client_cert_file", "client_key_file"] as const;

/** Makes names of PEM files absolute, and returns them. */
function resolveFiles(
  value: unknown,
  folder: string,
  onProblem: (key: string, message: string) => void,
): string[] {
  const config = (value ?? {}) as Record<string, unknown>;
  const [cert, key] = [config.client_cert_file, config.client_key_file];
  if (cert === undefined && key !== undefined) {
    onProblem("client_key_file", `client_cert_file ${phrase`is missing`}`);
  }
  if (cert !== undefined && key === undefined) {
    onProblem("client_cert_file", `client_key_file ${phrase`is missing`}`);
  }
  return FILE_KEYS.flatMap((key) => {
    const file = config[key];
    if (typeof file !== "string" || file === "") return [];
    const path = resolve(folder, file);
    config[key] = path;
    try {
      if (!readFileSync(path, "utf8").includes("-----BEGIN ")) {
        onProblem(key, `${key} ${phrase`${path} is no PEM file`}`);
      } else if (key === "client_key_file" && isOpenToOthers(path)) {
        onProblem(key, openProblem(path));
      }
    } catch (error) {
      onProblem(key, `${key} ${path}: ${systemError(error)}`);
    }
    return [path];
  });
}

/** Checks a configuration that did not come from a file. Throws a ConfigError. */
export function checkConfig(config: NodeConfig): void {
  const problems = problemsOf(config).map(({ message }) => message);
  if (problems.length > 0) throw new ConfigError(problems);
}

/** The addresses to dial, in order, each once. Expects a checked configuration. */
export function serverUrls(config: NodeConfig): URL[] {
  const texts = [config.server_url, ...config.server_urls ?? []];
  const urls = new Map(texts.map(socketUrl).map((url) => [url.href, url]));
  return [...urls.values()];
}

function socketUrl(text: string): URL {
  const url = new URL(text.replace(/^http/, "ws"));
  url.pathname = url.pathname.replace(/\/+$/, "") || "/ws";
  return url;
}

/** `${NAME}`, or `${NAME:-default}` as in a shell: the default where it is unset or empty. */
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

function expand(text: string, env: Env, onUnset: (name: string) => void): string {
  return text.replaceAll(VARIABLE, (_, name: string, fallback?: string) => {
    const value = env[name] || fallback;
    if (value === undefined) onUnset(name);
    return value ?? "";
  });
}

/** The offset of a problem's value, or of its key; where neither is in the file, of the nearest value around it. */
function offsetOf(document: Document, problem: ShapeProblem): number {
  for (let length = problem.path.length; length >= 0; length--) {
    const path = problem.path.slice(0, length);
    const found = path.length === 0 ? document.contents : document.getIn(path, true);
    const node = isAlias(found) ? found : isNode(found) ? found : undefined;
    if (node === undefined) continue;
    const key = length === problem.path.length ? problem.key : undefined;
    return (key === undefined ? undefined : keyOffset(node, key)) ?? node.range?.[0] ?? 0;
  }
  return 0;
}

function keyOffset(node: unknown, key: string): number | undefined {
  const { items } = node as { items?: { key: { value?: unknown; range?: number[] } }[] };
  return items?.find((pair) => String(pair.key?.value) === key)?.key.range?.[0];
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as { code?: string };
    const hint = code === "ENOENT"
      ? phrase`no such file; name one with --config PATH, or make one with the command join`
      : systemError(error);
    throw new ConfigError([`${path}: ${hint}`]);
  }
}

/** Throws if others on the machine can read a file that holds secrets itself, instead of taking them from the environment. */
function refuseOpenFile(path: string, text: string, config: NodeConfig): void {
  if (!isOpenToOthers(path) || !secretsOf(config).some((secret) => text.includes(secret))) return;
  throw new ConfigError([`${path}: ${openProblem(path)}`]);
}

function openProblem(path: string): string {
  const others = (statSync(path).mode & 0o007) !== 0
    ? phrase`others on this machine`
    : phrase`its group`;
  return phrase`holds your keys, and ${others} can read it; run: chmod 600 ${path}`;
}

/**
 * A group may read what root has given it, as packages and systemd's credentials do. Windows has no
 * such modes: every file there looks readable to all.
 */
function isOpenToOthers(path: string): boolean {
  if (globalThis.process?.platform === "win32") return false;
  const { mode, uid } = statSync(path);
  return (mode & (uid === 0 ? 0o007 : 0o077)) !== 0;
}

const SECRET_HEADER = /auth|cookie|key|secret|token/i;

function secretsOf({ client_token, providers }: NodeConfig): string[] {
  const given = providers.flatMap(({ api_key, headers = {} }) => [
    api_key,
    ...Object.entries(headers).map(([name, value]) => SECRET_HEADER.test(name) ? value : undefined),
  ]);
  return [client_token, ...given].filter((secret): secret is string => Boolean(secret));
}

function configWarnings(config: NodeConfig): string[] {
  const open = serverUrls(config).find(({ protocol, hostname }) =>
    protocol === "ws:" && !/^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
  );
  return open === undefined ? [] : [
    phrase`server_url is not encrypted: your token and all prompts can be read on the way to ${open.hostname}; use wss://`,
  ];
}
