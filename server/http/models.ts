/** `GET /v1/models` and `/v1/models/:model`, answered from the hub; in Anthropic's format for its SDK. */

import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { Endpoint, type ModelCapabilities, othersTurn } from "../../protocol/mod.ts";
import type { Key } from "../account/keyring.ts";
import { ColinkError } from "../base/error.ts";
import { LruCache } from "../base/lru.ts";
import { STRANGER, type Viewer } from "../node/audience.ts";
import type { Hub } from "../node/hub.ts";
import type { ModelFacts } from "../node/model_facts.ts";
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
}

export function listModels(parts: AppParts) {
  const { hub, startedAt } = parts;
  const lists = new WholeLists(parts);
  return async (c: AppContext): Promise<Response> => {
    const key = await apiKey(c.req.raw.headers, parts, () => parts.origin(c).address);
    const isAnthropic = isAnthropicSdk(c.req.raw.headers);
    const viewer = viewerOf(key, c.req.raw.headers, parts);
    if (key.models === null && !isAnthropic) return new Response(await lists.of(viewer).json());
    const models = visibleModels(hub, key, viewer);
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
    if (this.parts.hub.isCommon(viewer)) return this.#common;
    const { accountId, route, groups } = viewer;
    const name = JSON.stringify([accountId, route, groups]);
    const list = this.#byViewer.get(name) ?? new WholeList(this.parts, viewer);
    this.#byViewer.set(name, list);
    return list;
  }
}

type WholeListParts = Pick<AppParts, "hub" | "clock" | "startedAt">;

/** The list in OpenAI's format of all models that a viewer may use. */
class WholeList {
  #made: Promise<Blob> | null = null;
  #madeMs = -Infinity;
  /** The hub's, as the list was made. */
  #revision = -1;

  constructor(private readonly parts: WholeListParts, private readonly viewer: Viewer) {}

  /** A Blob: slow readers share its bytes. */
  json(): Promise<Blob> {
    const { hub, clock } = this.parts;
    const nowMs = clock.monotonic();
    const isFresh = hub.revision === this.#revision ||
      hub.modelCount > LONG_LIST && nowMs - this.#madeMs < LONG_LIST_FRESH_MS;
    if (this.#made !== null && isFresh) return this.#made;
    this.#madeMs = nowMs;
    this.#revision = hub.revision;
    return this.#made = this.#make();
  }

  async #make(): Promise<Blob> {
    const { hub, startedAt } = this.parts;
    const models = hub.models(this.viewer);
    const texts: string[] = [];
    for (let from = 0; from < models.length; from += MODELS_PER_TURN) {
      if (from > 0) await othersTurn();
      const some = models.slice(from, from + MODELS_PER_TURN).flatMap((id) => {
        const facts = hub.factsOf(id, this.viewer);
        return facts === null ? [] : [JSON.stringify(openAiView({ id, facts }, startedAt))];
      });
      if (some.length > 0) texts.push(some.join());
    }
    return new Blob([`{"object":"list","data":[${texts.join()}]}`], { type: "application/json" });
  }
}

/** The id is all that follows the prefix: it may contain slashes, encoded or not. */
export function oneModel(parts: AppParts) {
  const { hub, startedAt } = parts;
  return async (c: AppContext): Promise<Response> => {
    const key = await apiKey(c.req.raw.headers, parts, () => parts.origin(c).address);
    const { pathname } = new URL(c.req.url);
    const id = decoded(pathname.slice(pathname.indexOf(PREFIX) + PREFIX.length));
    const viewer = viewerOf(key, c.req.raw.headers, parts);
    const facts = mayUse(key, id) ? hub.factsOf(id, viewer) : null;
    if (facts === null) {
      await countRefusal(key, c, parts);
      throw new ColinkError(
        "model_not_found",
        `Cannot find the model "${id}": GET /v1/models lists what is offered`,
        { param: "model" },
      );
    }
    const view = isAnthropicSdk(c.req.raw.headers) ? anthropicView : openAiView;
    return c.json(view({ id, facts }, startedAt));
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

function visibleModels(hub: Hub, key: Key, viewer: Viewer): Model[] {
  // A key's own list is short; the hub's may be long.
  const names = key.models === null ? hub.models(viewer) : [...new Set(key.models)].sort();
  return names.flatMap((id) => {
    const facts = hub.factsOf(id, viewer);
    return facts === null ? [] : [{ id, facts }];
  });
}

function mayUse(key: Key, model: string): boolean {
  return key.models === null || key.models.includes(model);
}

/** Clients read the context length under the name of the server that they were made for. */
type ContextNames = Partial<Record<"context_window" | "max_model_len", number>>;

/** Leaves out what is not known: some clients fail on null. */
function openAiView(
  { id, facts }: Model,
  startedAt: number,
): OpenAI.Model & ModelCapabilities & ContextNames {
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
