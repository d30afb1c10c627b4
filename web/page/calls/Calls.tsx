/** The finished calls: metadata only, newest first, with older ones loaded while scrolling. */

import { useSignal } from "@preact/signals";
import type { CallFilter, CallOutcome, Side } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Choices } from "../../part/Choice.tsx";
import { Empty } from "../../part/Empty.tsx";
import { Failure } from "../../part/Notice.tsx";
import { FilterChips } from "../../part/FilterChips.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { ListNote } from "../../part/ListNote.tsx";
import { FEW_ITEMS, LongList } from "../../part/LongList.tsx";
import { Page } from "../../part/Page.tsx";
import type { Option } from "../../part/pick.ts";
import { PickField } from "../../part/PickField.tsx";
import { SearchField } from "../../part/SearchField.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { paths } from "../../route.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { type Choices as UrlChoices, useChoices } from "../../state/url.ts";
import { CallRow } from "./CallRow.tsx";
import { dayOf } from "./day.ts";
import { type Narrowing, narrowings } from "./narrowing.ts";
import { useCall, useCalls } from "./use_calls.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./Calls.module.css";
import * as callRowStyle from "./CallRow.module.css";
import * as buttonStyle from "../../part/button.module.css";
import * as pageStyle from "../../part/Page.module.css";
import * as formStyle from "../../part/form.module.css";

export function Calls() {
  return <Guarded>{() => <Book />}</Guarded>;
}

const sides: readonly Side[] = ["made", "provided"];
const outcomes = [
  "",
  "ok",
  "failed",
  "cancelled",
  "upstream_error",
  "node_lost",
  "timeout",
  "rejected",
  "interrupted",
] as const;

const ROW_PX = 46;

function Book() {
  const t = messages.value.calls;
  const choices = useChoices();
  const id = choices.get("id").trim();
  const listed = useCalls(id === "" ? filterOf(choices) : null);
  const searched = useCall(id);
  const { calls, error, isWhole, following, isLoading, more } = id === "" ? listed : searched;
  const isNarrowed = ["outcome", "day", "id", ...narrowings].some((name) =>
    choices.get(name) !== ""
  );
  return (
    <Page title={t.title} lead={t.lead}>
      <Filters choices={choices} />
      <Failure error={error} retry={more} />
      {!calls && !error && <Bones count={4} />}
      {calls?.length === 0 && isWhole && (
        <Empty
          icon="list"
          title={isNarrowed ? t.noneTitle : t.emptyTitle}
          text={id !== "" ? t.noneOfId : isNarrowed ? t.noneText : t.emptyText}
        >
          {!isNarrowed && (
            <a class={buttonClass("primary")} href={paths.playground}>
              {messages.value.dashboard.nothing.made.action}
            </a>
          )}
        </Empty>
      )}
      {calls && calls.length > 0 && (
        <ListNote rows={calls.length} few={FEW_ITEMS} hasMore={!isWhole} following={following} />
      )}
      {calls && calls.length > 0 && (
        <div class={style.calls}>
          <div class={`${callRowStyle.line} ${style.head}`} aria-hidden="true">
            {t.columns.map((name) => <span key={name}>{name}</span>)}
          </div>
          <LongList
            label={t.title}
            items={calls}
            keyOf={({ id, side }) => `${side} ${id}`}
            estimatePx={ROW_PX}
            onEnd={more}
          >
            {(call) => (
              <CallRow
                call={call}
                isSearched={id !== ""}
                onNarrow={(name, value) => choices.set({ [name]: value }, true)}
              />
            )}
          </LongList>
        </div>
      )}
      {calls && !isWhole && (
        <div class={buttonStyle.actions}>
          <button type="button" class={buttonClass()} aria-disabled={isLoading} onClick={more}>
            {isLoading ? messages.value.loading : t.more}
          </button>
        </div>
      )}
    </Page>
  );
}

function Filters({ choices }: { choices: UrlChoices }) {
  const t = messages.value.calls;
  const side = sides.find((one) => one === choices.get("side")) ?? "made";
  return (
    <>
      <div class={pageStyle.toolbar}>
        <Choices<Side>
          label={messages.value.dashboard.side}
          options={sides}
          chosen={side}
          name={(one) => messages.value.dashboard.sides[one]}
          onChoose={(one) => choices.set({ side: one === "made" ? "" : one, key: "" }, true)}
        />
        <div class={buttonStyle.actions}>
          <SearchField
            label={t.searchId}
            value={choices.get("id")}
            onInput={(id) => choices.set({ id })}
          />
          <input
            type="date"
            class={formStyle.select}
            aria-label={t.day}
            value={choices.get("day")}
            onChange={(event) => choices.set({ day: event.currentTarget.value }, true)}
          />
          <select
            class={formStyle.select}
            aria-label={t.outcome}
            value={choices.get("outcome")}
            onChange={(event) => choices.set({ outcome: event.currentTarget.value }, true)}
          >
            {outcomes.map((one) => (
              <option key={one} value={one}>{one === "" ? t.anyOutcome : t.outcomes[one]}</option>
            ))}
          </select>
        </div>
      </div>
      <Narrowed choices={choices} />
    </>
  );
}

const OPTIONS_EVERY_MS = 60_000;
/** The filters that are picked by name. */
const picked = ["model", "key", "node"] as const;
type Picked = typeof picked[number];

function Narrowed({ choices }: { choices: UrlChoices }) {
  const t = messages.value.calls;
  const isOpen = useSignal(false);
  const inUse = narrowings.filter((name) => choices.get(name) !== "");
  const options = useOptions(choices, isOpen.value || inUse.length > 0);
  const isProvided = choices.get("side") === "provided";
  const offered = picked.filter((name) =>
    // A node's owner does not learn whose key made a call.
    choices.get(name) === "" && !(name === "key" && isProvided)
  );
  const nameOf = (name: Narrowing, id: string) =>
    (options[name as Picked] ?? []).find((option) => option.id === id)?.name ?? id;
  return (
    <div class={style.narrowed}>
      {offered.map((name) => (
        <PickField
          key={name}
          label={t.pick(t.narrowings[name])}
          options={options[name]}
          onOpen={() => isOpen.value = true}
          onPick={(id) => choices.set({ [name]: id }, true)}
        />
      ))}
      {inUse.length > 0 && (
        <FilterChips
          names={inUse}
          choices={choices}
          isStep
          labelOf={(name) => `${t.narrowings[name]}:`}
          valueOf={nameOf}
        />
      )}
    </div>
  );
}

/** What there is to filter for, asked for once `isNeeded`. */
function useOptions(
  choices: UrlChoices,
  isNeeded: boolean,
): Readonly<Record<Picked, readonly Option[] | undefined>> {
  const everyMs = isNeeded ? OPTIONS_EVERY_MS : null;
  const models = useLive(api.models, everyMs).value.data?.models;
  const keys = useLive(api.keys, everyMs).value.data?.keys;
  const nodes = useLive(api.nodes, everyMs).value.data?.nodes;
  const isProvided = choices.get("side") === "provided";
  return {
    model: models?.map(({ id }) => ({ id, name: id })),
    key: keys?.filter(({ kind }) => kind === "api").map(({ id, name }) => ({
      id,
      name: name || messages.value.keys.ownKey,
    })),
    node: nodes?.filter(({ mine }) => mine || !isProvided),
  };
}

function filterOf(choices: UrlChoices): CallFilter {
  const text = (name: string) => choices.get(name) || undefined;
  const status = Number(choices.get("status"));
  return {
    side: sides.find((one) => one === choices.get("side")),
    ...dayOf(choices.get("day")),
    model: text("model"),
    key: text("key"),
    node: text("node"),
    endpoint: text("endpoint"),
    status: status > 0 ? status : undefined,
    outcome: outcomes.find((one) => one !== "" && one === choices.get("outcome")) as
      | CallOutcome
      | "failed"
      | undefined,
  };
}
