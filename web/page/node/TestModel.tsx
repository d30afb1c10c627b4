/** Asks one model of one node for a few words, really there, and shows how it went. */

import { useSignal } from "@preact/signals";
import { buttonClass } from "../../part/button.ts";
import { Icon } from "../../part/Icon.tsx";
import { errorText } from "../../part/Notice.tsx";
import { formatDuration, formatNumber, messages } from "../../state/locale.ts";
import { session } from "../../state/session.ts";
import { type TrialResult, tried } from "./trial.ts";
import { texts } from "./texts.ts";

export function TestModel({ node, model }: { node: string; model: string }) {
  const t = texts.value.test;
  const isBusy = useSignal(false);
  const result = useSignal<TrialResult | null>(null);
  const user = session.value.state === "in" ? session.value.user : null;
  if (user === null) return null;
  const run = async () => {
    if (isBusy.value) return;
    isBusy.value = true;
    result.value = null;
    result.value = await tried({ node, model, apiToken: user.api_token });
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

function resultText(result: TrialResult): string {
  const t = texts.value.test;
  if ("error" in result) return result.error === "too_long" ? t.tooLong : errorText(result.error);
  const { firstMs, perSecond, isWriter } = result;
  const first = (isWriter ? t.first : t.answered)(formatDuration(firstMs));
  return perSecond === null
    ? first
    : `${first} · ${messages.value.nodes.perSecond(formatNumber(Math.round(perSecond)))}`;
}
