/** The form that both making a key and changing one are. */

import { useSignal } from "@preact/signals";
import type { KeyView } from "../../../api/mod.ts";
import { ErrorNotice } from "../../part/Notice.tsx";
import { serverNow } from "../../state/clock.ts";
import { messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { LimitFields } from "./LimitFields.tsx";
import { asked, type Limits, problems } from "./limits.ts";

interface Props {
  /** Null: a new one is made. */
  before: KeyView | null;
  initial: Limits;
  action: string;
  onCancel: () => void;
  onSubmit: (limits: ReturnType<typeof asked>) => Promise<void>;
}

export function KeyForm({ before, initial, action, onCancel, onSubmit }: Props) {
  const t = messages.value;
  const limits = useSignal(initial);
  const wasTried = useSignal(false);
  const { isBusy, error, run } = useSubmit();
  const submit = (event: Event) => {
    event.preventDefault();
    wasTried.value = true;
    if (Object.keys(problems(limits.value, t.keys.problems)).length > 0) return;
    void run(() => onSubmit(asked(limits.value, serverNow(), before)));
  };
  const isBesideField = (error.value?.fields.length ?? 0) > 0;
  return (
    <form class="form" noValidate onSubmit={submit}>
      {error.value && !isBesideField && <ErrorNotice error={error.value} />}
      <LimitFields
        limits={limits.value}
        onChange={(changed) => limits.value = changed}
        hasEnd={before?.expires_at != null}
        wasTried={wasTried.value}
        error={error.value}
      />
      <div class="actions end">
        <button type="button" class="button" onClick={onCancel}>{t.cancel}</button>
        <button type="submit" class="button primary" aria-disabled={isBusy.value}>{action}</button>
      </div>
    </form>
  );
}
