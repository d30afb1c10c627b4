/** The session of this browser: who is signed in. */

import { signal } from "@preact/signals";
import type { FirstAdmin, Side, UsageIncrement, UserView } from "../../api/mod.ts";
import { api, ApiError, onSignedOut, type Registration } from "../api.ts";
import { isMarked, removeMark } from "./mark.ts";

export type Session =
  | { state: "unknown" }
  | { state: "unreachable"; error: ApiError }
  /** `never` signed in here; `ended` by the gateway; or the user `left`. */
  | { state: "out"; why: "never" | "ended" | "left" }
  | { state: "in"; user: UserView };

/** Written only by the functions below. */
export const session = signal<Session>({ state: "unknown" });

/** Whether a sign-out is under way: the feed may report the end of the session before the answer arrives. */
let isLeaving = false;

onSignedOut(sessionOver);

/** Called when the gateway reports that the session is over. */
export function sessionOver(): void {
  removeMark();
  leave();
}

/**
 * Loads the user of the session, if there may be one. While the gateway is unreachable a signed-in
 * user stays signed in, and the error is thrown.
 */
export async function refreshSession(signal?: AbortSignal): Promise<void> {
  // Without the mark there is no session, or another tab has signed out.
  if (!isMarked()) return leave();
  try {
    const { user } = await api.me(signal);
    session.value = { state: "in", user };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { state } = session.peek();
    if (state === "unknown" || state === "unreachable") {
      session.value = { state: "unreachable", error };
    }
    if (state === "in") throw error;
  }
}

function leave(): void {
  const before = session.peek();
  if (before.state === "out") return;
  const why = isLeaving ? "left" : before.state === "in" ? "ended" : "never";
  session.value = { state: "out", why };
}

export async function signIn(email: string, password: string): Promise<void> {
  const { user } = await api.login(email, password);
  signedIn(user);
}

function signedIn(user: UserView): void {
  // The gateway's cookies are for HTTPS only where its public address is; browsers drop them here.
  if (!isMarked() && location.protocol === "http:") {
    throw new ApiError(0, "needs_https", "Cannot sign in: this address needs https");
  }
  session.value = { state: "in", user };
}

/** Creates the gateway's first administrator and signs in. */
export async function setUp(form: FirstAdmin): Promise<void> {
  const { user } = await api.setUp(form);
  session.value = { state: "in", user };
}

/** Creates the account and signs in. */
export async function signUp(form: Registration): Promise<void> {
  const answer = await api.register(form);
  // A gateway of an earlier version, while gateways are replaced one after another, begins no session.
  if (!("user" in answer)) return await signIn(form.email, form.password);
  signedIn(answer.user);
}

/** The account has another address. */
export function emailChanged(user: UserView): void {
  session.value = { state: "in", user };
}

/** The account was deleted, and its session with it. */
export function accountGone(): void {
  session.value = { state: "out", why: "left" };
}

/** Ends this session, or with `everywhere` all of the account's. */
export async function signOut(everywhere = false): Promise<void> {
  isLeaving = true;
  try {
    const answer = await (everywhere ? api.endAllSessions() : api.logout());
    session.value = { state: "out", why: "left" };
    // The provider's own session ends at the provider, which sends the browser back here.
    if ("sign_out_url" in answer && answer.sign_out_url) location.assign(answer.sign_out_url);
  } finally {
    isLeaving = false;
  }
}

/** Adds calls reported by the feed to the user's totals. */
export function countCalls(increments: readonly UsageIncrement[]): void {
  const current = session.peek();
  if (current.state !== "in") return;
  const added = (wanted: Side) =>
    increments.reduce(
      (sum, { side, calls, errors }) => sum + (side === wanted ? calls - errors : 0),
      0,
    );
  const user = {
    ...current.user,
    total_api_calls: current.user.total_api_calls + added("made"),
    total_provided_calls: current.user.total_provided_calls + added("provided"),
  };
  session.value = { state: "in", user };
}
