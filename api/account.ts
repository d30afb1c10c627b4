/** Accounts and their sessions, as their owner sees them. */

import { z } from "@hono/zod-openapi";

export const Role = z.enum(["user", "admin"]);
export type Role = z.infer<typeof Role>;

export const RegistrationMode = z.enum(["open", "invite", "closed"])
  .describe("Who may create an account: everybody, holders of an invite, or only administrators.");
export type RegistrationMode = z.infer<typeof RegistrationMode>;

export const UserView = z.object({
  id: z.string(),
  email: z.string(),
  role: Role,
  api_token: z.string().describe("`sk-colink-…`: calls models."),
  client_token: z.string().describe("`client-…`: connects nodes."),
  has_password: z.boolean().describe("False: it signs in with the sign-in provider alone."),
  total_api_calls: z.number().describe("Calls that this account made and that were served."),
  total_provided_calls: z.number()
    .describe("Calls that this account's nodes served, to others or to itself."),
  created_at: z.number(),
}).meta({
  id: "User",
  description: "An account, as its owner sees it. Its tokens are shown to no one else.",
});
export type UserView = z.infer<typeof UserView>;

export const Credentials = z.object({ email: z.string(), password: z.string() });
export type Credentials = z.infer<typeof Credentials>;

export const Registration = Credentials.extend({
  invite: z.string().optional().describe("The code of an invite, where one is needed."),
});

export const LoginAnswer = z.object({
  token: z.string().describe(
    "A JWT (HS256), valid for 24 hours. Browsers get the same one as an HttpOnly cookie.",
  ),
  user: UserView,
}).meta({ id: "Login" });
export type LoginAnswer = z.infer<typeof LoginAnswer>;

export const RegistrationAnswer = LoginAnswer.extend({ message: z.string() })
  .meta({ id: "Registered" });
export type RegistrationAnswer = z.infer<typeof RegistrationAnswer>;

export const FirstAdmin = Credentials.extend({
  code: z.string().describe(
    "`setup-…`, from the gateway's terminal or `colink-server admin setup`; valid for half an hour.",
  ),
  registration: RegistrationMode.optional()
    .describe("Who may create an account from now on; absent: as configured."),
}).meta({ id: "FirstAdmin" });
export type FirstAdmin = z.infer<typeof FirstAdmin>;

export const TokenRotation = z.object({ kind: z.enum(["api", "client"]) });

export const PasswordChange = z.object({
  current_password: z.string(),
  new_password: z.string(),
}).meta({ id: "PasswordChange" });
export type PasswordChange = z.infer<typeof PasswordChange>;

export const PasswordReset = z.object({
  code: z.string().describe("`reset-…`, from the link that an administrator made."),
  new_password: z.string(),
}).meta({ id: "PasswordReset" });
export type PasswordReset = z.infer<typeof PasswordReset>;

export const PasswordResetDone = z.object({
  email: z.string().describe("The account to sign in with."),
}).meta({ id: "PasswordResetDone" });
export type PasswordResetDone = z.infer<typeof PasswordResetDone>;

const confirmation = z.string().optional().describe(
  "The account's password; may be absent for five minutes after a sign-in.",
);

export const AccountDeletion = z.strictObject({ password: confirmation })
  .meta({ id: "AccountDeletion" });
export type AccountDeletion = z.infer<typeof AccountDeletion>;

export const EmailChange = z.strictObject({ email: z.string(), password: confirmation })
  .meta({ id: "EmailChange" });
export type EmailChange = z.infer<typeof EmailChange>;

export const SessionView = z.object({
  id: z.string().describe("Cannot be signed in with."),
  created_at: z.number(),
  last_seen_at: z.number().describe("Exact to a minute."),
  expires_at: z.number(),
  address: z.string().describe("The network address that signed in."),
  user_agent: z.string().nullable().describe(
    "What the browser or program calls itself, cut at 200 characters; null: it did not say.",
  ),
  current: z.boolean().describe("Whether this request belongs to it."),
}).meta({ id: "Session", description: "A sign-in that has not ended." });
export type SessionView = z.infer<typeof SessionView>;

export const SessionsToEnd = z.object({
  all: z.enum(["true", "false"]).optional().describe("Whether to end the session that asks, too."),
});

const signOutUrl = z.string().optional().describe(
  "Where a browser goes to sign out at the sign-in provider too; absent: nowhere.",
);

export const SessionsEnded = z.object({ ended: z.number(), sign_out_url: signOutUrl }).meta({
  id: "SessionsEnded",
});
export type SessionsEnded = z.infer<typeof SessionsEnded>;

export const SignOutAnswer = z.object({
  message: z.string(),
  sign_out_url: signOutUrl,
}).meta({ id: "SignOut" });
export type SignOutAnswer = z.infer<typeof SignOutAnswer>;

export const InfoView = z.object({
  version: z.string(),
  name: z.string().describe(
    "What its administrators call this gateway; empty: nothing of its own.",
  ),
  registration: RegistrationMode,
  public_url: z.string().nullable().describe(
    "The address that the operator gave; null: the one in the browser's address bar is right.",
  ),
  nodes: z.number(),
  models: z.number(),
  setup: z.boolean().describe("Whether the first administrator is still to be made."),
  sign_in_provider: z.string().nullable().describe(
    "What the sign-in provider is called, at /api/auth/oidc/start; null: there is none.",
  ),
  passwords: z.boolean().describe("Whether people sign in and register with passwords."),
  cut_off: z.boolean().describe(
    "Whether this gateway cannot reach all others of its network: what it shows of them may be old.",
  ),
}).meta({ id: "Info", description: "What the console needs to know before anyone signs in." });
export type InfoView = z.infer<typeof InfoView>;
