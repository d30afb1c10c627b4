/** The gateway's API as the console uses it: the only place that fetches. The session is a cookie that no script can read. */

import type { ErrorView, InfoView, LoginAnswer, NodeView, UserView } from "../protocol/api.ts";
import { noteServerDate } from "./state/clock.ts";
import { noteReached } from "./state/connection.ts";

export interface Registration {
  email: string;
  password: string;
  invite?: string;
}

export type TokenKind = "api" | "client";

/** One function an endpoint. All reject with ApiError, or with AbortError where `signal` was aborted. */
export const api = {
  info: (signal?: AbortSignal) => get<InfoView>("/api/info", signal),
  nodes: (signal?: AbortSignal) => get<{ nodes: NodeView[] }>("/api/nodes", signal),
  me: (signal?: AbortSignal) => get<{ user: UserView }>("/api/user/me", signal),
  register: (form: Registration) => post<{ message: string }>("/api/auth/register", form),
  login: (email: string, password: string) =>
    post<LoginAnswer>("/api/auth/login", { email, password }),
  logout: () => post<{ message: string }>("/api/auth/logout", {}),
  rotate: (kind: TokenKind) => post<{ user: UserView }>("/api/user/tokens/rotate", { kind }),
};

/** What the gateway answered instead, or that it did not answer (`code` is then `unreachable`). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    /** The gateway's stable code; the console's texts go by it. */
    readonly code: string,
    message: string,
    /** The field at fault, where there is one. */
    readonly param: string | null = null,
    /** When trying again makes sense, in seconds. */
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

let signedOut: () => void = () => {};

/** Names who is told when the gateway says that nobody is signed in any more. */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

/** A gateway that says nothing for this long counts as unreachable. */
const TIMEOUT_MS = 15_000;

function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>(path, { method: "GET", signal });
}

function post<T>(path: string, body: unknown): Promise<T> {
  return call<T>(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-colink-csrf": "1" },
    body: JSON.stringify(body),
  });
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  const response = await send(path, init);
  noteServerDate(response.headers.get("date"));
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body as T;
  const error = asError(response, body as ErrorView | null);
  // A wrong password says nothing about the session; every other 401 does.
  if (error.status === 401 && error.code !== "invalid_credentials") signedOut();
  throw error;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  try {
    const answer = await fetch(path, {
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

/** Something between here and the gateway may answer for it, in a shape of its own. */
function asError(response: Response, body: ErrorView | null): ApiError {
  const retryAfterS = Number(response.headers.get("retry-after")) || null;
  const known = body?.error;
  return new ApiError(
    response.status,
    known?.code ?? "unknown",
    known?.message ?? `The gateway answered ${response.status}`,
    known?.param ?? null,
    retryAfterS,
  );
}
