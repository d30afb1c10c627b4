/** The form that creates or changes a key. */

import { useSignal } from "@preact/signals";
import type { KeyView } from "../../../api/mod.ts";
import { ErrorNotice } from "../../part/Notice.tsx";
import { serverNow } from "../../state/clock.ts";
import { messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { LimitFields } from "./LimitFields.tsx";
import { type Limits, problems, requested } from "./limits.ts";
import { buttonClass } from "../../part/button.ts";
import * as formStyle from "../../part/form.module.css";
import * as buttonStyle from "../../part/button.module.css";

interface Props {
  /** The key to change; null: a new one. */
  before: KeyView | null;
  initial: Limits;
  action: string;
  onCancel: () => void;
  onSubmit: (limits: ReturnType<typeof requested>) => Promise<void>;
}

export function KeyForm({ before, initial, action, onCancel, onSubmit }: Props) {
  const t = messages.value;
  const limits = useSignal(initial);
  const wasSubmitted = useSignal(false);
  const { isBusy, error, run } = useSubmit();
  const submit = (event: Event) => {
    event.preventDefault();
    wasSubmitted.value = true;
    if (Object.keys(problems(limits.value, before, t.keys.problems)).length > 0) return;
    void run(() => onSubmit(requested(limits.value, serverNow(), before)));
  };
  const isBesideField = (error.value?.fields.length ?? 0) > 0;
  return (
    <form class={formStyle.form} noValidate onSubmit={submit}>
      {error.value && !isBesideField && <ErrorNotice error={error.value} />}
      <LimitFields
        limits={limits.value}
        onChange={(changed) => limits.value = changed}
        before={before}
        wasSubmitted={wasSubmitted.value}
        error={error.value}
      />
      <div class={buttonStyle.actionsEnd}>
        <button type="button" class={buttonClass()} onClick={onCancel}>{t.cancel}</button>
        <button type="submit" class={buttonClass("primary")} aria-disabled={isBusy.value}>
          {action}
        </button>
      </div>
    </form>
  );
}
