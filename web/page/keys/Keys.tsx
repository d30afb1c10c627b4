/** The user's keys, each with a name, limits and an expiry; and the account's two tokens. */

import { useSignal } from "@preact/signals";
import type { BudgetUse, KeyView, UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Empty } from "../../part/Empty.tsx";
import { Failure } from "../../part/Notice.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { Icon } from "../../part/Icon.tsx";
import { Page } from "../../part/Page.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { TokenPanel } from "../../part/TokenPanel.tsx";
import { useChanging } from "../../state/changing.ts";
import { useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { useAtMost } from "../../state/throttle.ts";
import { useChoices } from "../../state/url.ts";
import { KeyDialog } from "./KeyDialog.tsx";
import { KeyTable, type KeyTool } from "./KeyTable.tsx";
import { KeyToolDialog } from "./KeyToolDialog.tsx";
import { buttonClass } from "../../part/button.ts";

/** Shortest time between two reloads for the last use. */
const USED_EVERY_MS = 10_000;
const USES_EVERY_MS = 15_000;

export function Keys() {
  return <Guarded>{(user) => <KeyRing user={user} />}</Guarded>;
}

function KeyRing({ user }: { user: UserView }) {
  const t = messages.value.keys;
  const choices = useChoices();
  const { live, reload } = useChanging("keys", api.keys);
  const { data, error } = live.value;
  const hasBudgets = data?.keys.some(({ budget }) => budget !== null) === true;
  const uses = useLive(api.budgets, hasBudgets ? USES_EVERY_MS : null, [hasBudgets]).value.data
    ?.budgets ?? null;
  // The list shows when each key was last used.
  useFeed("usage", useAtMost(USED_EVERY_MS, reload));
  const acting = useSignal<{ tool: KeyTool; entry: KeyView } | null>(null);
  const others = data?.keys.filter(({ is_default }) => !is_default) ?? [];
  const create = (
    <button
      type="button"
      class={buttonClass("primary")}
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
        {(data || !error) && (
          <Own
            keys={data ? others : null}
            uses={uses}
            onTool={(tool, entry) => acting.value = { tool, entry }}
          />
        )}
      </section>
      <TokenPanel user={user} />
      {acting.value && (
        <KeyToolDialog
          {...acting.value}
          onChange={reload}
          onClose={() => acting.value = null}
        />
      )}
      {choices.get("create") !== "" && (
        <KeyDialog
          onChange={reload}
          onClose={() => choices.set({ create: "" })}
        />
      )}
    </Page>
  );
}

interface OwnProps {
  keys: readonly KeyView[] | null;
  uses: readonly BudgetUse[] | null;
  onTool: (tool: KeyTool, entry: KeyView) => void;
}

function Own({ keys, uses, onTool }: OwnProps) {
  const t = messages.value.keys;
  if (!keys) return <Bones count={2} />;
  if (keys.length > 0) return <KeyTable keys={keys} uses={uses} onTool={onTool} />;
  return <Empty icon="key" title={t.emptyTitle} text={t.emptyText} />;
}
