/** The models that can be called now: their nodes, capabilities and load. */

import { useSignal } from "@preact/signals";
import type { ModelView, UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { late } from "../../part/late.tsx";
import { Choices } from "../../part/Choice.tsx";
import { Code } from "../../part/Code.tsx";
import { masked } from "../../part/CopyField.tsx";
import { Dialog } from "../../part/Dialog.tsx";
import { Empty } from "../../part/Empty.tsx";
import { Failure } from "../../part/Notice.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { ListNote } from "../../part/ListNote.tsx";
import { FEW_ITEMS, LongList } from "../../part/LongList.tsx";
import { Page } from "../../part/Page.tsx";
import { SearchField } from "../../part/SearchField.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { Skeleton } from "../../part/Skeleton.tsx";
import { paths } from "../../route.ts";
import { useGatewayAddress } from "../../state/address.ts";
import { canChat, type TrialEndpoint, trialEndpoint, trials } from "../../state/chat_models.ts";
import { isFed, useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { media } from "../../state/media.ts";
import { matches } from "../../state/words.ts";
import { useChoices } from "../../state/url.ts";
import { ModelRow } from "./ModelRow.tsx";
import { useAtMost } from "../../state/throttle.ts";
import { buttonClass } from "../../part/button.ts";
import * as pageStyle from "../../part/Page.module.css";

const CallExamples = late(() =>
  import("../../part/CallExamples.tsx").then((all) => all.CallExamples)
);

const REFRESH_MS = 3000;
/** Poll interval with the feed, which reports changes in between. */
const REFRESH_FED_MS = 30_000;
/** Shortest time between two reloads, so that the list stays readable. */
const CHANGE_MS = 2000;
const ROW_PX = 112;

export function Models() {
  return <Guarded>{(user) => <Catalogue user={user} />}</Guarded>;
}

function Catalogue({ user }: { user: UserView }) {
  const t = messages.value.models;
  const choices = useChoices();
  const changes = useSignal(0);
  const changed = useAtMost(CHANGE_MS, () => changes.value++);
  useFeed("node", changed);
  useFeed("node_gone", changed);
  useFeed("load", changed);
  const everyMs = isFed.value ? REFRESH_FED_MS : REFRESH_MS;
  const { data, error } = useLive(api.models, everyMs, [changes.value]).value;
  const calling = useSignal<ModelView | null>(null);

  if (!data && !error) return <Skeleton />;
  const models = data?.models ?? [];
  const can = abilities.find((one) => one === choices.get("can"));
  const shown = narrowed(models, choices.get("q"), can);
  const filter = {
    label: t.abilities,
    options: ["", ...abilities] as const,
    chosen: can ?? "" as const,
    onChoose: (one: Ability | "") => choices.set({ can: one }),
  };
  const nameOf = (one: Ability | "") => (one === "" ? t.anyAbility : t.can[one]);
  return (
    <Page title={t.title} lead={t.lead}>
      <Failure error={error} />
      {data && models.length === 0 && (
        <Empty icon="model" title={t.emptyTitle} text={t.emptyText}>
          <a class={buttonClass("primary")} href={`${paths.nodes}?add=1`}>
            {messages.value.nodes.add}
          </a>
        </Empty>
      )}
      {models.length > 0 && (
        <>
          <div class={pageStyle.toolbar}>
            <SearchField
              label={t.search}
              value={choices.get("q")}
              onInput={(q) => choices.set({ q })}
            />
            {isPhone.value
              ? <SelectField<Ability | ""> {...filter} isInline nameOf={nameOf} />
              : <Choices<Ability | ""> {...filter} name={nameOf} />}
            <span class={pageStyle.aside}>{t.count(shown.length)}</span>
          </div>
          {shown.length === 0 && <p class={pageStyle.none} role="status">{t.noneShown}</p>}
          <ListNote rows={shown.length} few={FEW_ITEMS} />
          <LongList
            label={t.title}
            isBordered
            items={shown}
            keyOf={({ id }) => id}
            estimatePx={ROW_PX}
          >
            {(model) => <ModelRow model={model} onSnippet={() => calling.value = model} />}
          </LongList>
        </>
      )}
      {calling.value !== null && (
        <CallDialog
          model={calling.value}
          token={user.api_token}
          onClose={() => calling.value = null}
        />
      )}
    </Page>
  );
}

interface CallProps {
  model: ModelView;
  token: string;
  onClose: () => void;
}

function CallDialog({ model, token, onClose }: CallProps) {
  const t = messages.value.models;
  const isOpen = useSignal(true);
  const path = trialEndpoint(model);
  return (
    <Dialog
      isOpen={isOpen}
      title={t.call(model.id)}
      text={t.callText}
      width="wide"
      onClose={onClose}
    >
      {path === null
        ? <CallExamples token={token} model={model.id} />
        : <TrialExample token={token} model={model.id} path={path} />}
    </Dialog>
  );
}

/** A call of a model that cannot chat, as curl makes it. */
function TrialExample(
  { token, model, path }: { token: string; model: string; path: TrialEndpoint },
) {
  const address = useGatewayAddress();
  const text = (key: string) =>
    [
      `curl ${address}${path} \\`,
      `  -H "Authorization: Bearer ${key}" \\`,
      '  -H "Content-Type: application/json" \\',
      `  -d '${JSON.stringify(trials[path](model)).replaceAll("'", "'\\''")}'`,
    ].join("\n");
  return <Code title="curl" shown={text(masked(token))} copied={text(token)} />;
}

/** Six choices have no room in a row there. */
const isPhone = media("(max-width: 46rem)");

/** What the list can be filtered by. */
const abilities = ["chat", "embeddings", "tools", "vision", "thinking"] as const;
type Ability = typeof abilities[number];

const has: Readonly<Record<Ability, (model: ModelView) => boolean>> = {
  chat: canChat,
  embeddings: ({ capabilities }) => capabilities.endpoints.includes("/v1/embeddings"),
  tools: ({ capabilities }) => capabilities.tools === true,
  vision: ({ capabilities }) => capabilities.vision === true,
  thinking: ({ capabilities }) => capabilities.thinking === true,
};

function narrowed(
  models: readonly ModelView[],
  query: string,
  can: Ability | undefined,
): readonly ModelView[] {
  return models.filter((model) => {
    const { id, nodes } = model;
    return (can === undefined || has[can](model)) &&
      matches(query, [id, ...nodes.map(({ name }) => name)].join("\n"));
  });
}
