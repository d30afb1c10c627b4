/** Tries one model on one node, really there: by a short chat, or by what else it can do. */

import { api, ApiError } from "../../api.ts";
import { type TrialEndpoint, trialEndpoint } from "../../state/chat_models.ts";
import { streamChat, tryOnce, type Usage } from "../playground/chat_stream.ts";

const MAX_TOKENS = 64;
const GIVE_UP_MS = 120_000;
const PROMPT = "Count from one to ten.";

export interface Trial {
  node: string;
  model: string;
  apiToken: string;
}

/** `firstMs`: until its first token, or the whole answer of a model that does not write. */
export type TrialResult =
  | { firstMs: number; perSecond: number | null; isWriter: boolean }
  | { error: ApiError | "too_long" };

export async function tried(trial: Trial): Promise<TrialResult> {
  const signal = AbortSignal.timeout(GIVE_UP_MS);
  try {
    const path = await pathOf(trial.model, signal);
    return await (path === null ? chatted(trial, signal) : askedAt(path, trial, signal));
  } catch (error) {
    if (error instanceof ApiError) return { error };
    if (error instanceof DOMException) return { error: "too_long" };
    throw error;
  }
}

/** Where a model that cannot chat is tried; null: it chats, or is not listed for this account. */
async function pathOf(model: string, signal: AbortSignal): Promise<TrialEndpoint | null> {
  const { models } = await api.models(signal);
  const found = models.find(({ id }) => id === model);
  return found === undefined ? null : trialEndpoint(found);
}

async function askedAt(
  path: TrialEndpoint,
  { model, apiToken, node }: Trial,
  signal: AbortSignal,
): Promise<TrialResult> {
  const beganMs = performance.now();
  await tryOnce(path, { model, apiToken, node, key: freshKey() }, signal);
  return { firstMs: performance.now() - beganMs, perSecond: null, isWriter: false };
}

async function chatted(
  { node, model, apiToken }: Trial,
  signal: AbortSignal,
): Promise<TrialResult> {
  const beganMs = performance.now();
  let firstMs: number | null = null;
  let tokens: number | null = null;
  const first = () => void (firstMs ??= performance.now() - beganMs);
  const listener = {
    began() {},
    text: first,
    reasoning: first,
    usage: ({ completion_tokens }: Usage) => void (tokens = completion_tokens ?? null),
    raw() {},
  };
  const body = {
    model,
    messages: [{ role: "user" as const, content: PROMPT }],
    max_tokens: MAX_TOKENS,
  };
  await streamChat({ body, apiToken, key: freshKey(), node }, listener, signal);
  const endMs = performance.now() - beganMs;
  const at = firstMs ?? endMs;
  const perSecond = tokens === null || endMs - at < 1 ? null : tokens / (endMs - at) * 1000;
  return { firstMs: at, perSecond, isWriter: true };
}

/** Made with what plain http has, too. */
function freshKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
