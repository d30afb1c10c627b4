/** A node's config.yaml as the setup commands change it: one key at a time, with its comments and its order kept. */

import { chownSync, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { type Document, isMap, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import type { ModelConfig, ProviderConfig } from "../config/config.ts";
import { parseYaml } from "../config/yaml_problems.ts";
import { CommandError } from "./command_error.ts";
import { writePrivate } from "./folders.ts";
import { programName } from "./program_name.ts";
import { systemError } from "../config/system_error.ts";
import { shown, t } from "../texts.ts";

/** The token lies beside config.yaml, in a file of its own. */
const TOKEN_FILE = "token";

const TEMPLATE =
  `# A Co-Link node. A saved change takes effect at once; "${programName} doctor" checks it.

# This machine's own token, in a file beside this one. Revoke it in the gateway's console.
client_token_file: ${TOKEN_FILE}

# The gateway.
server_url:

# Calls that run at the same time; more wait at the gateway, or go to other nodes.
max_parallel: 1

# What this machine shares: model servers on it, and providers for which you have a key. Keys stay
# here; \${NAME} stands for an environment variable. "${programName} init" looks for more.
providers: []
`;

/** What distinguishes two providers of one file. */
export type ProviderPlace = Pick<ProviderConfig, "type" | "base_url" | "api_key">;

export class ConfigFile {
  readonly #before: string | null;
  readonly #document: Document;

  private constructor(readonly path: string, text: string | null) {
    this.#before = text;
    const { document, problems: [first], placeOf } = parseYaml(text ?? TEMPLATE);
    this.#document = document;
    if (first === undefined && isMap(document.contents)) return;
    const place = first === undefined ? path : `${path}:${placeOf(first.offset)}`;
    throw new CommandError(
      t`Cannot change ${place}: ${first === undefined ? t`it has no keys` : shown(first.message)}`,
      t`Fix it or move it away, and run this again.`,
    );
  }

  /** The file, or a new one where there is none yet. Throws CommandError. */
  static open(path: string): ConfigFile {
    try {
      return existsSync(path)
        ? new ConfigFile(realpathSync(path), readFileSync(path, "utf8"))
        : new ConfigFile(path, null);
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw new CommandError(t`Cannot read ${path}: ${shown(systemError(error))}`);
    }
  }

  get isJoined(): boolean {
    return Boolean(this.#document.get("server_url"));
  }

  /** Points the node at a gateway, with the token that lies beside the file. */
  join({ serverUrl, name }: { serverUrl: string; name?: string | undefined }): void {
    const document = this.#document;
    if (document.get("server_url") !== serverUrl) {
      document.set("server_url", serverUrl);
      // The other addresses were another network's.
      document.delete("server_urls");
    }
    if (document.get("client_token_file") !== TOKEN_FILE) {
      document.set("client_token_file", TOKEN_FILE);
    }
    document.delete("client_token");
    if (name !== undefined) document.set("name", name);
  }

  get maxParallel(): number | null {
    const value = this.#document.get("max_parallel");
    return typeof value === "number" ? value : null;
  }

  /** Whether the file has been written before. */
  get exists(): boolean {
    return this.#before !== null;
  }

  setMaxParallel(calls: number): void {
    if (this.maxParallel !== calls) this.#document.set("max_parallel", calls);
  }

  get hasProviders(): boolean {
    return this.#providers().items.length > 0;
  }

  /** The models that a provider of the file names; "auto": whatever it lists; null: the file has no such provider. */
  modelsOf(place: ProviderPlace): string[] | "auto" | null {
    const provider = this.#find(place);
    if (provider === null) return null;
    const models = provider.get("models");
    return isSeq(models) ? namesIn(models) : "auto";
  }

  /** Makes a provider offer these models: adds the provider or what is missing, and removes what is not among them. */
  setModels(place: ProviderPlace, models: readonly ModelConfig[]): void {
    const provider = this.#find(place);
    if (provider === null) return this.#addProvider(place, models);
    const list = provider.get("models");
    if (!isSeq(list)) return;
    const wanted = new Set(models.map(({ local }) => local));
    const known = new Set(namesIn(list));
    list.items = list.items.filter((item) => {
      const local = isMap(item) ? item.get("local") : undefined;
      return typeof local !== "string" || wanted.has(local);
    });
    for (const model of models) if (!known.has(model.local)) list.add(this.#node(model));
    if (list.items.length > 0) return;
    const all = this.#providers();
    all.items = all.items.filter((item) => item !== provider);
  }

  /** Writes what has changed, if anything has; a new file, so that its owner alone can read it. Throws CommandError. */
  save(): boolean {
    const text = String(this.#document);
    if (text === this.#before) return false;
    const owner = this.exists ? statSync(this.path) : null;
    writePrivate(this.path, text);
    if (owner !== null && owner.uid !== process.getuid?.()) {
      chownSync(this.path, owner.uid, owner.gid);
    }
    return true;
  }

  #addProvider(place: ProviderPlace, models: readonly ModelConfig[]): void {
    if (models.length === 0) return;
    const all = this.#providers();
    all.flow = false;
    all.add(this.#node({ ...place, models }));
  }

  #find({ type, base_url, api_key }: ProviderPlace): YAMLMap | null {
    const same = (item: unknown): item is YAMLMap =>
      isMap(item) && item.get("type") === type && sameUrl(item.get("base_url"), base_url) &&
      (base_url !== undefined || item.get("api_key") === api_key);
    return this.#providers().items.find(same) ?? null;
  }

  #providers(): YAMLSeq {
    const found = this.#document.get("providers");
    if (isSeq(found)) return found;
    this.#document.set("providers", this.#document.createNode([]));
    return this.#document.get("providers") as YAMLSeq;
  }

  #node(value: unknown) {
    return this.#document.createNode(value);
  }
}

function namesIn(models: YAMLSeq): string[] {
  return models.items.flatMap((item) => {
    const local = isMap(item) ? item.get("local") : undefined;
    return typeof local === "string" ? [local] : [];
  });
}

/** Owners write `localhost` and `127.0.0.1`, with and without `/v1`. */
function sameUrl(a: unknown, b: string | undefined): boolean {
  const plain = (url: unknown) =>
    String(url ?? "").replace(/\/+(v1\/*)?$/, "").replace("//localhost", "//127.0.0.1");
  return plain(a) === plain(b);
}
