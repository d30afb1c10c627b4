/** `/api/admin/aliases`, `/api/admin/models`, `/api/account/aliases`: names that lead to models, and what is said about models. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { AliasView, MessageView, ModelSettings, NameQuery, NewAlias } from "../../../api/mod.ts";
import { viewerOf } from "../../node/audience.ts";
import type { AppContext, AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, body, session } from "./schema.ts";
import { administrator, audit, signedIn } from "./visitor.ts";

const aliasesAnswer = answers(z.object({ aliases: z.array(AliasView) }));
const modelsAnswer = answers(z.object({ models: z.array(ModelSettings) }));

const routes = {
  aliases: createRoute({
    method: "get",
    path: "/admin/aliases",
    description: "`{aliases}` for everybody, with what they lead to",
    security: session,
    responses: aliasesAnswer,
  }),
  saveAlias: createRoute({
    method: "put",
    path: "/admin/aliases",
    description: "`{name, targets}`: adds it, or replaces the one of that name",
    security: session,
    request: body(NewAlias),
    responses: aliasesAnswer,
  }),
  removeAlias: createRoute({
    method: "delete",
    path: "/admin/aliases",
    description: "Removes the alias called `name`",
    security: session,
    request: { query: NameQuery },
    responses: answers(MessageView),
  }),
  ownAliases: createRoute({
    method: "get",
    path: "/account/aliases",
    description: "`{aliases}` of the account alone, which go before those for everybody",
    security: session,
    responses: aliasesAnswer,
  }),
  saveOwnAlias: createRoute({
    method: "put",
    path: "/account/aliases",
    description: "`{name, targets}`: adds it, or replaces the one of that name",
    security: session,
    request: body(NewAlias),
    responses: aliasesAnswer,
  }),
  removeOwnAlias: createRoute({
    method: "delete",
    path: "/account/aliases",
    description: "Removes the account's alias called `name`",
    security: session,
    request: { query: NameQuery },
    responses: answers(MessageView),
  }),
  models: createRoute({
    method: "get",
    path: "/admin/models",
    description: "`{models}`: what administrators have set for models, by name",
    security: session,
    responses: modelsAnswer,
  }),
  saveModel: createRoute({
    method: "put",
    path: "/admin/models",
    description:
      "`{name, note?, hidden?, groups?, defaults?}`: sets these for the model, and removes all others",
    security: session,
    request: body(ModelSettings),
    responses: modelsAnswer,
  }),
  removeModel: createRoute({
    method: "delete",
    path: "/admin/models",
    description: "Removes all settings of the model called `name`",
    security: session,
    request: { query: NameQuery },
    responses: answers(MessageView),
  }),
};

export function nameRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  aliasRoutes(api, parts);
  ownAliasRoutes(api, parts);
  modelSettingRoutes(api, parts);
}

function aliasRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { names } = parts;
  const list = () => ({ aliases: names.aliases((model) => parts.hub.serves(model)) });

  api.openapi(routes.aliases, async (c) => {
    await administrator(c, parts);
    return c.json(list(), 200);
  });

  api.openapi(routes.saveAlias, async (c) => {
    const admin = await administrator(c, parts);
    const alias = c.req.valid("json");
    await names.save(alias);
    await audit(c, parts, admin, {
      action: "alias.saved",
      target: alias.name,
      detail: toOf(alias),
    });
    return c.json(list(), 200);
  });

  api.openapi(routes.removeAlias, async (c) => {
    const admin = await administrator(c, parts);
    const { name } = c.req.valid("query");
    await names.remove(name);
    await audit(c, parts, admin, { action: "alias.removed", target: name });
    return c.json({ message: "Alias removed" }, 200);
  });
}

function ownAliasRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { names } = parts;
  const list = async (accountId: string) => {
    const viewer = viewerOf({ accountId }, parts.memberships);
    return {
      aliases: await names.own(accountId, (model) => parts.hub.factsOf(model, viewer) !== null),
    };
  };
  const changing = async (c: AppContext) => {
    const visitor = await signedIn(c, parts);
    await parts.rates.take("aliases_changed_per_account", visitor.accountId);
    return visitor;
  };

  api.openapi(routes.ownAliases, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json(await list(accountId), 200);
  });

  api.openapi(routes.saveOwnAlias, async (c) => {
    const visitor = await changing(c);
    const alias = c.req.valid("json");
    await names.saveOwn(visitor.accountId, alias);
    const detail = { ...toOf(alias), own: true };
    await audit(c, parts, visitor, { action: "alias.saved", target: alias.name, detail });
    return c.json(await list(visitor.accountId), 200);
  });

  api.openapi(routes.removeOwnAlias, async (c) => {
    const visitor = await changing(c);
    const { name } = c.req.valid("query");
    await names.removeOwn(visitor.accountId, name);
    const event = { action: "alias.removed", target: name, detail: { own: true } } as const;
    await audit(c, parts, visitor, event);
    return c.json({ message: "Alias removed" }, 200);
  });
}

function modelSettingRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { names } = parts;
  const list = () => ({ models: [...names.modelSettings.values()] });

  api.openapi(routes.models, async (c) => {
    await administrator(c, parts);
    return c.json(list(), 200);
  });

  api.openapi(routes.saveModel, async (c) => {
    const admin = await administrator(c, parts);
    const asked = c.req.valid("json");
    const before = names.settingsOf(asked.name);
    const model = {
      ...asked,
      ...(asked.groups && { groups: parts.groups.idsOf(asked.groups, before?.groups) }),
    };
    await names.saveModel(model);
    const { name: target, note = null, hidden = false, groups, defaults = {} } = model;
    const detail = {
      note,
      hidden,
      groups: groups?.join(", ") ?? null,
      defaults: JSON.stringify(defaults),
    };
    await audit(c, parts, admin, { action: "model.changed", target, detail });
    return c.json(list(), 200);
  });

  api.openapi(routes.removeModel, async (c) => {
    const admin = await administrator(c, parts);
    const { name } = c.req.valid("query");
    await names.removeModel(name);
    await audit(c, parts, admin, { action: "model.changed", target: name });
    return c.json({ message: "Settings of the model removed" }, 200);
  });
}

/** What the audit log says of an alias. */
function toOf({ targets }: NewAlias): { to: string } {
  return { to: targets.map(({ model }) => model).join(", ") };
}
