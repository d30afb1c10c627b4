/** What a model server of a known kind says of itself and of its models beyond OpenAI's API. */

import type { ModelCapabilities } from "../../../protocol/mod.ts";
import type { Json } from "../json_object.ts";
import type { NativeApi } from "./native_api.ts";

export type ServerName = "llama.cpp" | "lm studio" | "ollama" | "sglang" | "vllm";

/** What a model is for. `other`: nothing that is served here. */
export type Purpose = "chat" | "embeddings" | "moderations" | "rerank" | "other";

/** What a server's own API says of a model; absent members are unknown. */
export interface ModelDetails extends Omit<ModelCapabilities, "endpoints"> {
  purposes?: Purpose[];
  /** Whether its template rejects a system message that is not first. */
  systemFirst?: boolean;
}

export type DetailsByModel = ReadonlyMap<string, ModelDetails>;

export interface ServerReport {
  /** Null: the server does not say. */
  version: string | null;
  details: DetailsByModel;
}

/** What a server's model list says of the server. */
export interface ListHead {
  /** The response's `server` header; the empty string: none. */
  header: string;
  entries: readonly Json[];
}

/** Reads one server's own API. Lives as long as the provider, so that it may keep what does not change. */
export interface ServerReader {
  /** What is known now; a request that fails, or is aborted, leaves out what it would have reported. */
  read(api: NativeApi, entries: readonly Json[], signal: AbortSignal): Promise<ServerReport>;
}

/** A new kind of server is a row in `server_kinds.ts`. */
export interface ServerKind {
  readonly name: ServerName;
  /** Whether the list alone shows that the server is of this kind. */
  isIn(list: ListHead): boolean;
  /** A path of the server's own API, and whether the answer is of this kind; for lists that do not show it. */
  readonly proof?: { path: string; isOwn(answer: Json): boolean };
  reader(): ServerReader;
}

/** Whether any model of the list is owned by `owner`. */
export function isOwnedBy({ entries }: ListHead, owner: string): boolean {
  return entries.some(({ owned_by }) => owned_by === owner);
}

export function idOf(entry: Json): string {
  return String(entry.id ?? entry.name ?? "");
}

/** The value if it is a whole number of 1 or more. */
export function positive(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined;
}

/** The members that are known. */
export function known(
  details: { [Name in keyof ModelDetails]: ModelDetails[Name] | undefined },
): ModelDetails {
  return Object.fromEntries(
    Object.entries(details).filter(([, value]) => value !== undefined),
  ) as ModelDetails;
}
