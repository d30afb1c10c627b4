/** The user's keys, the account's own two first, each with a name, limits and an expiry. */

import { useSignal } from "@preact/signals";
import type { KeyView, UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Failure, Notice } from "../../part/Notice.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { Icon } from "../../part/Icon.tsx";
import { Page } from "../../part/Page.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { useChanging } from "../../state/changing.ts";
import { useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { refreshSession } from "../../state/session.ts";
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
  const tokens = { api: user.api_token, client: user.client_token };
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
      {Object.values(tokens).includes("") && <Notice tone="warning">{t.unreadable}</Notice>}
      {!data && !error && <Bones count={2} />}
      {data && (
        <KeyTable
          keys={ownFirst(data.keys)}
          tokens={tokens}
          uses={uses}
          onTool={(tool, entry) => acting.value = { tool, entry }}
        />
      )}
      {acting.value && (
        <KeyToolDialog
          {...acting.value}
          token={tokens[acting.value.entry.kind]}
          onChange={() => {
            reload();
            // An own token that was rotated is another now.
            if (acting.peek()?.entry.is_default) void refreshSession();
          }}
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

/** The account's own two, then the others, as they were listed. */
function ownFirst(keys: readonly KeyView[]): readonly KeyView[] {
  return keys.toSorted((a, b) => Number(b.is_default) - Number(a.is_default));
}
