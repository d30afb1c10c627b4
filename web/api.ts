/** The gateway's console API: the only place that fetches it. The session is a cookie that no script can read. */

import type {
  AccountDeletion,
  AdminNodeChange,
  AdminNodeView,
  AdminUserChange,
  AdminUserPage,
  AdminUserView,
  AliasView,
  AuditPage,
  BudgetUses,
  CallDetail,
  CallFilter,
  CallPage,
  CreatedInvite,
  CreatedKey,
  EmailChange,
  ErrorView,
  FieldProblem,
  FirstAdmin,
  GroupChange,
  GroupMembers,
  GroupView,
  InfoView,
  InviteView,
  JoinCode,
  JoinRequestAnswer,
  KeyChange,
  KeyRotation,
  KeyView,
  LentView,
  LoginAnswer,
  MessageView,
  ModelSettings,
  ModelView,
  NewAlias,
  NewGroup,
  NewInvite,
  NewKey,
  NodeChange,
  NodeDetail,
  NodeSpeed,
  NodeView,
  OverviewFilter,
  OverviewView,
  OwnNodeAnswer,
  OwnNodeView,
  PasswordChange,
  PasswordReset,
  PasswordResetDone,
  PasswordResetLink,
  RegistrationAnswer,
  RotatedKey,
  SessionsEnded,
  SessionView,
  SettingsChange,
  SettingsPage,
  SettingsView,
  SignOutAnswer,
  UsageFilter,
  UsageView,
  UserView,
} from "../api/mod.ts";
import { noteServerDate } from "./state/clock.ts";
import { base } from "./base.ts";
import { noteReached } from "./state/connection.ts";

export interface Registration {
  email: string;
  password: string;
  invite?: string;
}

interface UserFilter {
  search?: string;
  sort?: "newest" | "email" | "made" | "provided";
  /** A group's id; empty: any. */
  group?: string;
  cursor?: string | undefined;
}

type Signal = AbortSignal | undefined;

/** One function per endpoint. All reject with ApiError, or with AbortError when `signal` is aborted. */
export const api = {
  info: (signal?: Signal) => get<InfoView>("/api/info", signal),
  me: (signal?: Signal) => get<{ user: UserView }>("/api/user/me", signal),
  register: (form: Registration) =>
    post<RegistrationAnswer | MessageView>("/api/auth/register", form),
  login: (email: string, password: string) =>
    post<LoginAnswer>("/api/auth/login", { email, password }),
  setUp: (form: FirstAdmin) => post<LoginAnswer>("/api/setup", form),
  logout: () => post<SignOutAnswer>("/api/auth/logout", {}),
  changePassword: (change: PasswordChange) => post<MessageView>("/api/user/password", change),
  resetPassword: (reset: PasswordReset) => post<PasswordResetDone>("/api/auth/reset", reset),
  budgets: (signal?: Signal) => get<BudgetUses>("/api/user/budgets", signal),
  changeEmail: (change: EmailChange) => post<{ user: UserView }>("/api/user/email", change),
  deleteAccount: (confirmation: AccountDeletion) =>
    post<MessageView>("/api/user/delete", confirmation),
  sessions: (signal?: Signal) => get<{ sessions: SessionView[] }>("/api/user/sessions", signal),
  endSession: (id: string) => remove<MessageView>(`/api/user/sessions/${id}`),
  endOtherSessions: () => remove<SessionsEnded>("/api/user/sessions"),
  endAllSessions: () => remove<SessionsEnded>("/api/user/sessions?all=true"),

  nodes: allNodes,
  nodeSpeeds: (signal?: Signal) => get<{ nodes: NodeSpeed[] }>("/api/nodes/speed", signal),
  ownNodes: (signal?: Signal) => get<{ nodes: OwnNodeView[] }>("/api/nodes/mine", signal),
  node: (id: string, signal?: Signal) => get<NodeDetail>(`/api/nodes/${id}`, signal),
  nodeLent: (id: string, signal?: Signal) => get<LentView>(`/api/nodes/${id}/lent`, signal),
  changeNode: (id: string, change: NodeChange) => patch<OwnNodeAnswer>(`/api/nodes/${id}`, change),
  forgetNode: (id: string) => remove<MessageView>(`/api/nodes/${id}`),
  nodeUsage: (id: string, filter: OverviewFilter, signal?: Signal) =>
    get<UsageView>(`/api/nodes/${id}/usage${query(filter)}`, signal),
  drainNode: (id: string) => post<OwnNodeAnswer>(`/api/nodes/${id}/drain`, {}),
  rotateNodeToken: (id: string, rotation: KeyRotation) =>
    post<RotatedKey>(`/api/nodes/${id}/rotate-token`, rotation),
  createJoinCode: () => post<JoinCode>("/api/join/codes", {}),
  joinRequest: (code: string) =>
    get<JoinRequestAnswer>(`/api/join/requests/${encodeURIComponent(code)}`),
  decideJoin: (code: string, approved: boolean) =>
    post<JoinRequestAnswer>(`/api/join/requests/${encodeURIComponent(code)}`, { approved }),
  models: (signal?: Signal) => get<{ models: ModelView[] }>("/api/models", signal),

  keys: (signal?: Signal) => get<{ keys: KeyView[] }>("/api/keys", signal),
  createKey: (key: NewKey) => post<CreatedKey>("/api/keys", key),
  changeKey: (id: string, change: KeyChange) => patch<{ key: KeyView }>(`/api/keys/${id}`, change),
  rotateKey: (id: string, rotation: KeyRotation) =>
    post<RotatedKey>(`/api/keys/${id}/rotate`, rotation),
  revokeKey: (id: string) => remove<MessageView>(`/api/keys/${id}`),

  calls: (filter: CallFilter, signal?: Signal) =>
    get<CallPage>(`/api/calls${query(filter)}`, signal),
  call: (id: string, signal?: Signal) =>
    get<{ call: CallDetail }>(`/api/calls/${encodeURIComponent(id)}`, signal),
  usage: (filter: UsageFilter, signal?: Signal) =>
    get<UsageView>(`/api/usage${query(filter)}`, signal),

  users: (filter: UserFilter, signal?: Signal) =>
    get<AdminUserPage>(`/api/admin/users${query(filter)}`, signal),
  changeUser: (id: string, change: AdminUserChange) =>
    patch<{ user: AdminUserView }>(`/api/admin/users/${id}`, change),
  deleteUser: (id: string) => remove<MessageView>(`/api/admin/users/${id}`),
  resetLink: (id: string) => post<PasswordResetLink>(`/api/admin/users/${id}/password-reset`, {}),
  signOutUser: (id: string) => remove<SessionsEnded>(`/api/admin/users/${id}/sessions`),
  groups: (signal?: Signal) => get<{ groups: GroupView[] }>("/api/admin/groups", signal),
  createGroup: (group: NewGroup) => post<{ group: GroupView }>("/api/admin/groups", group),
  groupMembers: (id: string, signal?: Signal) =>
    get<GroupMembers>(`/api/admin/groups/${id}/members`, signal),
  changeGroup: (id: string, change: GroupChange) =>
    patch<{ group: GroupView }>(`/api/admin/groups/${id}`, change),
  deleteGroup: (id: string) => remove<MessageView>(`/api/admin/groups/${id}`),
  invites: (signal?: Signal) => get<{ invites: InviteView[] }>("/api/admin/invites", signal),
  createInvite: (invite: NewInvite) => post<CreatedInvite>("/api/admin/invites", invite),
  revokeInvite: (id: string) => remove<MessageView>(`/api/admin/invites/${id}`),
  aliases: (signal?: Signal) => get<{ aliases: AliasView[] }>("/api/admin/aliases", signal),
  saveAlias: (alias: NewAlias) =>
    change<{ aliases: AliasView[] }>("PUT", "/api/admin/aliases", alias),
  removeAlias: (name: string) => remove<MessageView>(`/api/admin/aliases${query({ name })}`),
  modelSettings: (signal?: Signal) => get<{ models: ModelSettings[] }>("/api/admin/models", signal),
  saveModelSettings: (settings: ModelSettings) =>
    change<{ models: ModelSettings[] }>("PUT", "/api/admin/models", settings),
  removeModelSettings: (name: string) => remove<MessageView>(`/api/admin/models${query({ name })}`),
  overview: (filter: OverviewFilter, signal?: Signal) =>
    get<OverviewView>(`/api/admin/overview${query(filter)}`, signal),
  settings: (signal?: Signal) => get<SettingsPage>("/api/admin/settings", signal),
  changeSettings: (change: SettingsChange) => patch<SettingsView>("/api/admin/settings", change),
  adminNodes: (signal?: Signal) => get<{ nodes: AdminNodeView[] }>("/api/admin/nodes", signal),
  changeAdminNode: (id: string, change: AdminNodeChange) =>
    patch<{ node: AdminNodeView }>(`/api/admin/nodes/${id}`, change),
  audit: (
    filter: { actor?: string; action?: string; cursor?: string | undefined },
    signal?: Signal,
  ) => get<AuditPage>(`/api/admin/audit${query(filter)}`, signal),
};

/** Where a browser downloads usage as CSV: its cookie goes along. */
export function usageExport(
  filter: { scope: "own" | "all"; by: string; from: number; to: number; zone: string },
): string {
  return `${base}/api/usage/export${query(filter)}`;
}

/** An error answer of the gateway, or no answer (`code` is then `unreachable`). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    /** The gateway's stable code; the console's texts are looked up by it. */
    readonly code: string,
    message: string,
    /** The field at fault, if any. */
    readonly param: string | null = null,
    /** Seconds after which a retry makes sense. */
    readonly retryAfterS: number | null = null,
    /** Every field at fault, for a form. */
    readonly fields: readonly FieldProblem[] = [],
    /** The request's id in the gateway's log. */
    readonly requestId: string | null = null,
  ) {
    super(message);
  }
}

let signedOut: () => void = () => {};

/** Sets the listener that is called when the gateway answers that the session is over. */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

/** A gateway that does not answer within this time counts as unreachable. */
const TIMEOUT_MS = 15_000;

function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>(path, { method: "GET", signal: signal ?? null });
}

function post<T>(path: string, body: unknown): Promise<T> {
  return change<T>("POST", path, body);
}

function patch<T>(path: string, body: unknown): Promise<T> {
  return change<T>("PATCH", path, body);
}

function remove<T>(path: string): Promise<T> {
  return change<T>("DELETE", path, {});
}

function change<T>(method: string, path: string, body: unknown): Promise<T> {
  return call<T>(path, {
    method,
    headers: { "content-type": "application/json", "x-colink-csrf": "1" },
    body: JSON.stringify(body),
  });
}

/** `?a=1&b=2`, without undefined and empty parameters. */
function query(parts: object): string {
  const present = Object.entries(parts).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(present.map(([name, value]) => [name, String(value)]))
    .toString();
  return text === "" ? "" : `?${text}`;
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  const response = await send(path, init);
  noteServerDate(response.headers.get("date"));
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body as T;
  const error = asError(response, body as ErrorView | null);
  // A wrong password does not end the session; every other 401 means that it is over.
  if (error.status === 401 && error.code !== "invalid_credentials") signedOut();
  throw error;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  try {
    const answer = await fetch(base + path, {
      ...init,
      signal,
      cache: "no-store",
      credentials: "same-origin",
    });
    noteReached(true);
    return answer;
  } catch (error) {
    if (init.signal?.aborted) throw error;
    noteReached(false);
    throw new ApiError(0, "unreachable", "The gateway cannot be reached");
  }
}

/** The body may have any shape: a proxy may answer in place of the gateway. */
function asError(response: Response, body: ErrorView | null): ApiError {
  const retryAfterS = Number(response.headers.get("retry-after")) || null;
  const known = body?.error;
  return new ApiError(
    response.status,
    known?.code ?? "unknown",
    known?.message ?? `The gateway answered ${response.status}`,
    known?.param ?? null,
    retryAfterS,
    known?.fields,
    response.headers.get("x-request-id"),
  );
}

/** The connected nodes, page by page. */
async function allNodes(signal?: Signal): Promise<{ nodes: NodeView[] }> {
  const nodes: NodeView[] = [];
  for (let after: string | null = ""; after !== null;) {
    const path: string = `/api/nodes${after === "" ? "" : `?after=${encodeURIComponent(after)}`}`;
    const page: { nodes: NodeView[]; next?: string | null } = await get(path, signal);
    nodes.push(...page.nodes);
    after = page.next ?? null;
  }
  return { nodes };
}
