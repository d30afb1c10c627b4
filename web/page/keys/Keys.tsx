/** The user's keys: many, each with its own name, limits and end; and the two that every account has. */

import { useSignal } from "@preact/signals";
import type { KeyView, UserView } from "../../../protocol/api.ts";
import { api } from "../../api.ts";
import { Empty } from "../../part/Empty.tsx";
import { Failure } from "../../part/Failure.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { Icon } from "../../part/Icon.tsx";
import { Page } from "../../part/Page.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { TokenPanel } from "../../part/TokenPanel.tsx";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { useChoices } from "../../state/url.ts";
import { KeyDialog } from "./KeyDialog.tsx";
import { KeyTable } from "./KeyTable.tsx";

const REFRESH_MS = 15_000;

export function Keys() {
  return <Guarded>{(user) => <Ring user={user} />}</Guarded>;
}

function Ring({ user }: { user: UserView }) {
  const t = messages.value.keys;
  const choices = useChoices();
  const isApiShown = useSignal(false);
  const isClientShown = useSignal(false);
  const changes = useSignal(0);
  const { data, error } = useLive(api.keys, REFRESH_MS, [changes.value]).value;
  const changed = () => {
    changes.value++;
  };
  const others = data?.keys.filter(({ is_default }) => !is_default) ?? [];
  const create = (
    <button
      type="button"
      class="button primary"
      onClick={() => choices.set({ create: "1" })}
    >
      <Icon name="plus" /> {t.create}
    </button>
  );
  return (
    <Page title={t.title} lead={t.lead} action={create}>
      <Failure error={error} />
      <section aria-labelledby="own-keys">
        <h2 id="own-keys">{t.own}</h2>
        <Own keys={data ? others : null} onChange={changed} />
      </section>
      <TokenPanel user={user} isApiShown={isApiShown} isClientShown={isClientShown} />
      {choices.get("create") !== "" && (
        <KeyDialog
          onChange={changed}
          onClose={() => choices.set({ create: "" })}
        />
      )}
    </Page>
  );
}

function Own({ keys, onChange }: { keys: readonly KeyView[] | null; onChange: () => void }) {
  const t = messages.value.keys;
  if (!keys) return <Bones count={2} />;
  if (keys.length > 0) return <KeyTable keys={keys} onChange={onChange} />;
  return <Empty icon="key" title={t.emptyTitle} text={t.emptyText} />;
}
