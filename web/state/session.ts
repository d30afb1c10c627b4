/** Who is signed in here. */

import { signal } from "@preact/signals";
import type { FirstAdmin, Side, TokenKind, UsageIncrement, UserView } from "../../api/mod.ts";
import { api, ApiError, onSignedOut, type Registration } from "../api.ts";
import { isMarked, removeMark } from "./mark.ts";

export type Session =
  | { state: "unknown" }
  | { state: "unreachable"; error: ApiError }
  /** `never` signed in here, the gateway `ended` it, or the user `left`. */
  | { state: "out"; why: "never" | "ended" | "left" }
  | { state: "in"; user: UserView };

/** Moved only by the functions below. */
export const session = signal<Session>({ state: "unknown" });

/** Whether the user has just asked to leave: the gateway may end the session before it says so. */
let isLeaving = false;

onSignedOut(sessionOver);

/** The gateway has said that nobody is signed in here any more. */
export function sessionOver(): void {
  removeMark();
  leave();
}

/** Asks the gateway who we are, if anybody signed in here; keeps what was known where it cannot be reached. */
export async function refreshSession(signal?: AbortSignal): Promise<void> {
  // Nobody did, or another tab signed out: the gateway could only refuse.
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
  session.value = { state: "in", user };
}

/** Makes the gateway's first administrator, who is signed in then. */
export async function setUp(form: FirstAdmin): Promise<void> {
  const { user } = await api.setUp(form);
  session.value = { state: "in", user };
}

/** Makes the account and signs in with it. */
export async function signUp(form: Registration): Promise<void> {
  await api.register(form);
  await signIn(form.email, form.password);
}

export async function signOut(): Promise<void> {
  isLeaving = true;
  try {
    await api.logout();
    session.value = { state: "out", why: "left" };
  } finally {
    isLeaving = false;
  }
}

/** Adds calls that have ended since, as the feed tells them, to the user's totals. */
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

/** Replaces one of the user's two tokens; the old one stops working within 5 s. */
export async function rotateToken(kind: TokenKind): Promise<void> {
  const { user } = await api.rotate(kind);
  session.value = { state: "in", user };
}
