/** Asks one model of one node for a few words, really there, and shows how it went. */

import { useSignal } from "@preact/signals";
import { ApiError } from "../../api.ts";
import { buttonClass } from "../../part/button.ts";
import { Icon } from "../../part/Icon.tsx";
import { errorText } from "../../part/Notice.tsx";
import { formatDuration, formatNumber, messages } from "../../state/locale.ts";
import { session } from "../../state/session.ts";
import { streamChat, type Usage } from "../playground/chat_stream.ts";

const MAX_TOKENS = 64;
const GIVE_UP_MS = 120_000;
const PROMPT = "Count from one to ten.";

type Result = { firstMs: number; perSecond: number | null } | { error: string };

export function TestModel({ node, model }: { node: string; model: string }) {
  const t = messages.value.node.test;
  const isBusy = useSignal(false);
  const result = useSignal<Result | null>(null);
  const user = session.value.state === "in" ? session.value.user : null;
  if (user === null) return null;
  const run = async () => {
    if (isBusy.value) return;
    isBusy.value = true;
    result.value = null;
    result.value = await tested({ node, model, apiToken: user.api_token });
    isBusy.value = false;
  };
  return (
    <>
      <button
        type="button"
        class={buttonClass("small")}
        aria-disabled={isBusy.value}
        aria-label={isBusy.value ? undefined : t.label(model)}
        onClick={run}
      >
        <Icon name="play" /> {isBusy.value ? t.running : t.now}
      </button>
      <span role="status" class="hint" data-part="test-result">
        {result.value && resultText(result.value)}
      </span>
    </>
  );
}

function resultText(result: Result): string {
  const t = messages.value.node.test;
  if ("error" in result) return result.error;
  const { firstMs, perSecond } = result;
  const first = t.first(formatDuration(firstMs));
  return perSecond === null
    ? first
    : `${first} · ${messages.value.node.speed.perSecond(formatNumber(Math.round(perSecond)))}`;
}

async function tested(
  { node, model, apiToken }: { node: string; model: string; apiToken: string },
): Promise<Result> {
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
  try {
    const call = {
      body,
      apiToken,
      key: crypto.getRandomValues(new Uint32Array(4)).join("-"),
      node,
    };
    await streamChat(call, listener, AbortSignal.timeout(GIVE_UP_MS));
  } catch (error) {
    if (error instanceof ApiError) return { error: errorText(error) };
    if (error instanceof DOMException) return { error: messages.value.node.test.tooLong };
    throw error;
  }
  const endMs = performance.now() - beganMs;
  const at = firstMs ?? endMs;
  const perSecond = tokens === null || endMs - at < 1 ? null : tokens / (endMs - at) * 1000;
  return { firstMs: at, perSecond };
}
