/** `/api/join`: a machine gets a node token of its own; in the shapes of RFC 8628 where it asks for approval. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  DeviceAuthorization,
  DeviceRequest,
  DeviceTokenRequest,
  JoinByCode,
  JoinCode,
  JoinDecision,
  JoinedView,
  JoinRequestAnswer,
} from "../../../api/mod.ts";
import { gatewayUrl } from "../gateway_url.ts";
import type { AppContext, AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, body, session } from "./schema.ts";
import { audit, signedIn } from "./visitor.ts";

const codeParam = { params: z.object({ code: z.string().min(1).max(100) }) };

const routes = {
  createCode: createRoute({
    method: "post",
    path: "/join/codes",
    description: "`{code, expires_at}`: lets one machine join the account, within 15 minutes",
    security: session,
    responses: answers(JoinCode),
  }),
  byCode: createRoute({
    method: "post",
    path: "/join",
    description: "`{code, machine}` → `{access_token, …}`: a node token for this machine alone",
    request: body(JoinByCode),
    responses: answers(JoinedView),
  }),
  device: createRoute({
    method: "post",
    path: "/join/device",
    description:
      "`{machine}` → `{device_code, user_code, verification_uri, …}` (RFC 8628): a machine without a code asks for approval",
    request: body(DeviceRequest),
    responses: answers(DeviceAuthorization),
  }),
  token: createRoute({
    method: "post",
    path: "/join/token",
    description:
      "`{grant_type, device_code}` → `{access_token, …}` once it is approved; until then the error `authorization_pending`",
    request: body(DeviceTokenRequest),
    responses: answers(JoinedView),
  }),
  request: createRoute({
    method: "get",
    path: "/join/requests/{code}",
    description: "The machine that shows this user code",
    security: session,
    request: codeParam,
    responses: answers(JoinRequestAnswer),
  }),
  decide: createRoute({
    method: "post",
    path: "/join/requests/{code}",
    description: "`{approved}`: lets that machine join the account, or denies it",
    security: session,
    request: { ...codeParam, ...body(JoinDecision) },
    responses: answers(JoinRequestAnswer),
  }),
};

export function joinRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { joining, origin } = parts;

  api.openapi(routes.createCode, async (c) => {
    const visitor = await signedIn(c, parts);
    await parts.rates.take("join_codes_per_account", visitor.accountId);
    const created = await joining.createCode(visitor.accountId);
    await audit(c, parts, visitor, { action: "join.created" });
    return c.json(created, 200);
  });

  api.openapi(routes.byCode, async (c) => {
    const { address } = origin(c);
    const { accountId, ...joined } = await joining.claim({ ...c.req.valid("json"), address });
    await noteJoined(c, accountId, joined);
    return c.json(joined, 200);
  });

  api.openapi(routes.device, async (c) => {
    const { address } = origin(c);
    const consoleUrl = gatewayUrl(c, parts);
    const { machine } = c.req.valid("json");
    return c.json(await joining.request({ machine, address, consoleUrl }), 200);
  });

  api.openapi(routes.token, async (c) => {
    const { device_code: deviceCode } = c.req.valid("json");
    const { accountId, ...joined } = await joining.poll(deviceCode, origin(c).address);
    await noteJoined(c, accountId, joined);
    return c.json(joined, 200);
  });

  api.openapi(routes.request, async (c) => {
    const { accountId } = await signedIn(c, parts);
    const who = { accountId, address: origin(c).address };
    return c.json({ request: await joining.find(c.req.valid("param").code, who) }, 200);
  });

  api.openapi(routes.decide, async (c) => {
    const visitor = await signedIn(c, parts);
    const { approved: isApproved } = c.req.valid("json");
    const who = { accountId: visitor.accountId, address: origin(c).address, isApproved };
    const request = await joining.decide(c.req.valid("param").code, who);
    const action = isApproved ? "join.approved" : "join.denied";
    await audit(c, parts, visitor, { action, target: request.machine });
    return c.json({ request }, 200);
  });

  const noteJoined = (c: AppContext, accountId: string, { name, account }: JoinedView) =>
    audit(c, parts, { accountId, email: account }, { action: "join.completed", target: name });
}
