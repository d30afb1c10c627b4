/** `GET /v1/models` and `/v1/models/:model`, answered from the hub; in Anthropic's format for its SDK. */

import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { Endpoint, type ModelCapabilities, othersTurn } from "../../protocol/mod.ts";
import type { Key } from "../account/keyring.ts";
import type { NamedAlias } from "../account/names.ts";
import { ColinkError } from "../base/error.ts";
import { LruCache } from "../base/lru.ts";
import { STRANGER, type Viewer } from "../node/audience.ts";
import { type ModelFacts, together } from "../node/model_facts.ts";
import { apiKey, withinLimit } from "./credentials.ts";
import { isAnthropicSdk } from "./error_format.ts";
import type { AppContext } from "./env.ts";
import { routeOf } from "./route.ts";
import { answerHeaders } from "./headers.ts";
import type { AppParts } from "./parts.ts";

const PREFIX = "/v1/models/";

/** The default and the largest page of Anthropic's list. */
const PAGE_ITEMS = 20;
const MAX_PAGE_ITEMS = 1000;

interface Model {
  id: string;
  facts: ModelFacts;
  /** The models that an alias leads to, in the order in which they are tried; absent: it is a model. */
  leadsTo?: readonly string[];
  /** What administrators say about it. */
  note?: string;
}

export function listModels(parts: AppParts) {
  const { startedAt } = parts;
  const lists = new WholeLists(parts);
  return async (c: AppContext): Promise<Response> => {
    const given = await apiKey(c.req.raw.headers, parts, {
      address: () => parts.origin(c).address,
    });
    await parts.rates.take("model_reads_per_account", given.accountId);
    const key = parts.groups.bounded(given);
    const isAnthropic = isAnthropicSdk(c.req.raw.headers);
    const viewer = viewerOf(key, c.req.raw.headers, parts);
    const isPlain = key.models === null && key.ownAliases === null && !isAnthropic;
    if (isPlain) return new Response(await lists.of(viewer).json());
    const models = visibleModels(parts, key, viewer);
    if (isAnthropic) return c.json(anthropicPage(c, models, startedAt));
    return c.json({ object: "list", data: models.map((model) => openAiView(model, startedAt)) });
  };
}

/** A list of more models than this is made at most once in so long, although nodes may change what they offer. */
const LONG_LIST = 1000;
const LONG_LIST_FRESH_MS = 1000;
/** A long list is made in parts, and what else has arrived is handled between them. */
const MODELS_PER_TURN = 250;

/** The lists of accounts that may use other nodes than everyone may. */
const MAX_LISTS = 100;

/** The lists for keys that may use every model: one for all accounts that may use the nodes for everyone alone. */
class WholeLists {
  readonly #common: WholeList;
  readonly #byViewer = new LruCache<string, WholeList>(MAX_LISTS);

  constructor(private readonly parts: WholeListParts) {
    this.#common = new WholeList(parts, STRANGER);
  }

  of(viewer: Viewer): WholeList {
    const { hub, names } = this.parts;
    const isMember = names.hasGroups && viewer.groups.length > 0;
    if (hub.isCommon(viewer) && !isMember) return this.#common;
    const { accountId, route, groups } = viewer;
    const name = JSON.stringify([accountId, route, groups]);
    const list = this.#byViewer.get(name) ?? new WholeList(this.parts, viewer);
    this.#byViewer.set(name, list);
    return list;
  }
}

type WholeListParts = Pick<AppParts, "hub" | "names" | "clock" | "startedAt">;

/** The list in OpenAI's format of all models that a viewer may use. */
class WholeList {
  #made: Promise<Blob> | null = null;
  #madeMs = -Infinity;
  /** The hub's and the names', as the list was made. */
  #revision = "";

  constructor(private readonly parts: WholeListParts, private readonly viewer: Viewer) {}

  /** A Blob: slow readers share its bytes. */
  json(): Promise<Blob> {
    const { hub, names, clock } = this.parts;
    const nowMs = clock.monotonic();
    const revision = `${hub.revision} ${names.revision}`;
    const isFresh = revision === this.#revision ||
      hub.modelCount > LONG_LIST && nowMs - this.#madeMs < LONG_LIST_FRESH_MS;
    if (this.#made !== null && isFresh) return this.#made;
    this.#madeMs = nowMs;
    this.#revision = revision;
    return this.#made = this.#make();
  }

  async #make(): Promise<Blob> {
    const { startedAt } = this.parts;
    const listed = listedNames(this.parts, UNLIMITED, this.viewer);
    const texts: string[] = [];
    for (let from = 0; from < listed.length; from += MODELS_PER_TURN) {
      if (from > 0) await othersTurn();
      const some = listed.slice(from, from + MODELS_PER_TURN).flatMap((name) => {
        const model = modelOf(this.parts, name, this.viewer);
        return model === null ? [] : [JSON.stringify(openAiView(model, startedAt))];
      });
      if (some.length > 0) texts.push(some.join());
    }
    return new Blob([`{"object":"list","data":[${texts.join()}]}`], { type: "application/json" });
  }
}

/** The id is all that follows the prefix: it may contain slashes, encoded or not. */
export function oneModel(parts: AppParts) {
  const { names, startedAt } = parts;
  return async (c: AppContext): Promise<Response> => {
    const given = await apiKey(c.req.raw.headers, parts, {
      address: () => parts.origin(c).address,
    });
    await parts.rates.take("model_reads_per_account", given.accountId);
    const key = parts.groups.bounded(given);
    const { pathname } = new URL(c.req.url);
    const id = decoded(pathname.slice(pathname.indexOf(PREFIX) + PREFIX.length));
    const viewer = viewerOf(key, c.req.raw.headers, parts);
    const alias = names.lookUp(key, id, viewer.groups);
    const isAllowed = alias !== null || mayUse(key, id) && names.mayUse(id, viewer.groups);
    const model = isAllowed ? modelOf(parts, alias ?? id, viewer) : null;
    if (model === null) {
      await countRefusal(key, c, parts);
      throw new ColinkError(
        "model_not_found",
        `Cannot find the model "${id}": GET /v1/models lists what is offered`,
        { param: "model" },
      );
    }
    const view = isAnthropicSdk(c.req.raw.headers) ? anthropicView : openAiView;
    return c.json(view(model, startedAt));
  };
}

/** A look for a model takes nothing from the key until its network has looked for too many that are not there. */
async function countRefusal(key: Key, c: AppContext, parts: AppParts): Promise<void> {
  const { refusals, limiter, settings } = parts;
  if (await refusals.count(parts.origin(c).address)) return;
  await withinLimit(key, limiter, settings.values.defaultRpm, answerHeaders(c));
}

/** The key's account, on the route that its key and the request leave it. */
function viewerOf(key: Key, headers: Headers, { memberships }: AppParts): Viewer {
  const { accountId } = key;
  return { accountId, groups: memberships.groupsOf(accountId), route: routeOf(headers, key.route) };
}

function visibleModels(parts: ListParts, key: Key, viewer: Viewer): Model[] {
  return listedNames(parts, key, viewer).flatMap((name) => modelOf(parts, name, viewer) ?? []);
}

type ListParts = Pick<AppParts, "hub" | "names">;
type ListKey = Pick<Key, "models" | "ownAliases">;

const UNLIMITED: ListKey = { models: null, ownAliases: null };

/** The models that the key may call, and its aliases, in alphabetical order. An alias hides a model of its name. */
function listedNames(
  { hub, names }: ListParts,
  key: ListKey,
  viewer: Viewer,
): (string | NamedAlias)[] {
  const aliases = new Map(names.listed(key, viewer.groups).map((alias) => [alias.name, alias]));
  // A key's own list is short; the hub's may be long.
  const models = key.models === null ? hub.models(viewer) : [...new Set(key.models)];
  const others = models.filter((model) =>
    !aliases.has(model) && names.mayUse(model, viewer.groups)
  );
  const nameOf = (one: string | NamedAlias) => typeof one === "string" ? one : one.name;
  return [...others, ...aliases.values()]
    .filter((one) => names.settingsOf(nameOf(one))?.hidden !== true)
    .sort((a, b) => nameOf(a) < nameOf(b) ? -1 : 1);
}

/** A model, or an alias with what it can do whichever of its models serves it; null: no node offers it. */
function modelOf(
  { hub, names }: ListParts,
  name: string | NamedAlias,
  viewer: Viewer,
): Model | null {
  const isModel = typeof name === "string";
  const id = isModel ? name : name.name;
  const models = isModel ? [name] : name.models;
  const all = models.flatMap((model) => hub.factsOf(model, viewer) ?? []);
  const [only] = all;
  if (only === undefined) return null;
  const { note = "" } = names.settingsOf(id) ?? {};
  return {
    id,
    facts: all.length === 1 ? only : together(all),
    ...(isModel ? {} : { leadsTo: models }),
    ...(note === "" ? {} : { note }),
  };
}

function mayUse(key: Key, model: string): boolean {
  return key.models === null || key.models.includes(model);
}

/** Clients read the context length under the name of the server that they were made for. */
type ContextNames = Partial<Record<"context_window" | "max_model_len", number>>;

/** What administrators say about a name. */
interface NameFacts {
  /** The models that an alias leads to, in order. */
  alias_of?: readonly string[];
  description?: string;
}

/** Leaves out what is not known: some clients fail on null. */
function openAiView(
  { id, facts, leadsTo, note }: Model,
  startedAt: number,
): OpenAI.Model & ModelCapabilities & ContextNames & NameFacts {
  const { endpoints, contextLength, maxOutputTokens, tools, vision, thinking, loaded } = facts;
  return {
    id,
    object: "model",
    created: Math.floor(startedAt / 1000),
    owned_by: "co-link",
    endpoints: [...endpoints],
    ...(contextLength === null ? {} : {
      context_length: contextLength,
      context_window: contextLength,
      max_model_len: contextLength,
    }),
    ...(maxOutputTokens === null ? {} : { max_output_tokens: maxOutputTokens }),
    ...(tools === null ? {} : { tools }),
    ...(vision === null ? {} : { vision }),
    ...(thinking === null ? {} : { thinking }),
    ...(loaded === null ? {} : { loaded }),
    ...(leadsTo === undefined ? {} : { alias_of: leadsTo }),
    ...(note === undefined ? {} : { description: note }),
  };
}

/** One page of the models that can be called at /v1/messages. */
function anthropicPage({ req }: AppContext, models: readonly Model[], startedAt: number) {
  const callable = models.filter(({ facts }) => facts.endpoints.includes(Endpoint.messages));
  const wanted = Math.floor(Number(req.query("limit")));
  const limit = wanted >= 1 ? Math.min(wanted, MAX_PAGE_ITEMS) : PAGE_ITEMS;
  const [after, before] = [req.query("after_id"), req.query("before_id")].map((id) =>
    callable.findIndex((model) => model.id === id)
  );
  const isBackward = before !== undefined && before >= 0;
  const rest = isBackward ? callable.slice(0, before) : callable.slice((after ?? -1) + 1);
  const page = isBackward ? rest.slice(-limit) : rest.slice(0, limit);
  return {
    data: page.map((model) => anthropicView(model, startedAt)),
    has_more: page.length < rest.length,
    first_id: page.at(0)?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

function anthropicView({ id, facts }: Model, startedAt: number): Anthropic.ModelInfo {
  return {
    id,
    type: "model",
    display_name: id,
    created_at: new Date(startedAt).toISOString(),
    capabilities: null,
    max_input_tokens: facts.contextLength,
    // The largest `max_tokens` of a request: nodes clamp it to what the context leaves.
    max_tokens: facts.maxOutputTokens ?? facts.contextLength,
    lifecycle: "active",
    line: null,
    deprecated_at: null,
    retires_at: null,
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
