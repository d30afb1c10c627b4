/** The form that creates or changes a key. */

import { useSignal } from "@preact/signals";
import type { KeyView } from "../../../api/mod.ts";
import { EditForm } from "../../part/EditForm.tsx";
import { serverNow } from "../../state/clock.ts";
import { messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { LimitFields } from "./LimitFields.tsx";
import { limitFields, type Limits, problems, requested } from "./limits.ts";

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
  const submit = () => {
    wasSubmitted.value = true;
    if (Object.keys(problems(limits.value, before, t.keys.problems)).length > 0) return;
    void run(() => onSubmit(requested(limits.value, serverNow(), before)));
  };
  return (
    <EditForm
      isBusy={isBusy}
      error={error.value}
      fields={before?.kind === "client" ? ["name"] : limitFields}
      action={action}
      onSubmit={submit}
      onCancel={onCancel}
    >
      <LimitFields
        limits={limits.value}
        onChange={(changed) => limits.value = changed}
        before={before}
        wasSubmitted={wasSubmitted.value}
        error={error.value}
      />
    </EditForm>
  );
}
