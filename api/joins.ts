/** Joining: how a machine gets a node token of its own, with a code from the console or after an approval there. */

import { z } from "@hono/zod-openapi";
import { label } from "./fields.ts";

const MAX_MACHINE_CHARS = 80;

const machine = label(MAX_MACHINE_CHARS).describe(
  "As the machine calls itself; its key gets this name.",
);
const code = z.string().min(1).max(100);

export const JoinCode = z.object({
  code: z.string().describe("For one machine: `7KQ4-M2XP-9TRA`. Shown this once."),
  expires_at: z.number(),
}).meta({ id: "JoinCode" });
export type JoinCode = z.infer<typeof JoinCode>;

export const JoinByCode = z.strictObject({ code, machine }).meta({ id: "JoinByCode" });

export const DeviceRequest = z.strictObject({ machine }).meta({ id: "DeviceRequest" });

export const DeviceAuthorization = z.object({
  device_code: z.string().describe("For the machine alone; it asks for its token with this."),
  user_code: z.string().describe("For people to compare: `7KQ4-M2XP`."),
  verification_uri: z.string(),
  verification_uri_complete: z.string(),
  expires_in: z.number().describe("Seconds."),
  interval: z.number().describe("Seconds between two requests for the token."),
}).meta({ id: "DeviceAuthorization", description: "As in RFC 8628, section 3.2." });
export type DeviceAuthorization = z.infer<typeof DeviceAuthorization>;

export const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

export const DeviceTokenRequest = z.strictObject({
  grant_type: z.literal(DEVICE_GRANT),
  device_code: code,
}).meta({ id: "DeviceTokenRequest", description: "As in RFC 8628, section 3.4." });

export const JoinedView = z.object({
  access_token: z.string().describe(
    "`client-…`, a node token for this machine alone. Shown this once.",
  ),
  token_type: z.literal("client"),
  key_id: z.string(),
  name: z.string().describe("The key's name: the machine's."),
  account: z.string().describe("The e-mail of the account that the machine belongs to now."),
}).meta({ id: "Joined" });
export type JoinedView = z.infer<typeof JoinedView>;

export const JoinRequestView = z.object({
  machine: z.string().describe("As the machine that asks calls itself."),
  address: z.string().describe("The network address that it asks from."),
  created_at: z.number(),
  expires_at: z.number(),
  state: z.enum(["open", "approved", "denied", "used"]),
}).meta({ id: "JoinRequest", description: "A machine that asks to join." });
export type JoinRequestView = z.infer<typeof JoinRequestView>;

export const JoinDecision = z.strictObject({ approved: z.boolean() }).meta({ id: "JoinDecision" });

export const JoinRequestAnswer = z.object({ request: JoinRequestView });
export type JoinRequestAnswer = z.infer<typeof JoinRequestAnswer>;
