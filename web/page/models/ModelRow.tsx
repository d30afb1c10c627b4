/** One model: name, capabilities, load, and the nodes that serve it. */

import type { ModelNode, ModelView } from "../../../api/mod.ts";
import { Icon, type IconName } from "../../part/Icon.tsx";
import { Meter } from "../../part/Meter.tsx";
import { State, type Tone } from "../../part/State.tsx";
import { nodePath, tryPath } from "../../route.ts";
import { canChat, trialEndpoint } from "../../state/chat_models.ts";
import { formatDuration, formatNumber, messages } from "../../state/locale.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./ModelRow.module.css";
import * as buttonStyle from "../../part/button.module.css";
import * as chipStyle from "../../part/chip.module.css";

const signs: Readonly<Record<ModelView["state"], { tone: Tone; icon: IconName }>> = {
  ready: { tone: "good", icon: "ready" },
  busy: { tone: "warning", icon: "busy" },
  unavailable: { tone: "bad", icon: "penalized" },
};

export function ModelRow({ model, onSnippet }: { model: ModelView; onSnippet: () => void }) {
  const t = messages.value.models;
  const { id, state, slots, free_slots, waiting } = model;
  return (
    <div class={style.row}>
      <div class={style.name}>
        <h2>{id}</h2>
        <Abilities model={model} />
      </div>
      <div class={style.load}>
        <State {...signs[state]} text={t.states[state]} />
        {slots > 0 && (
          <Meter
            label={messages.value.nodes.slotsLabel}
            text={t.load(slots - free_slots, slots)}
            value={slots - free_slots}
            max={slots}
          />
        )}
        <Speed model={model} />
        {waiting > 0 && <p class="hint">{t.waiting(waiting)}</p>}
      </div>
      <Servers nodes={model.nodes} />
      <div class={`${buttonStyle.actionsEnd} ${style.buttons}`}>
        {canChat(model) && state !== "unavailable" && (
          <a class={buttonClass("small")} href={tryPath(id)}>
            <Icon name="chat" /> {t.try}
          </a>
        )}
        {(canChat(model) || trialEndpoint(model) !== null) && (
          <button type="button" class={buttonClass("small")} onClick={onSnippet}>
            <Icon name="code" /> {t.snippet}
          </button>
        )}
      </div>
    </div>
  );
}

/** How fast it was in the last day. */
function Speed({ model: { first_token_p50_ms: first, tokens_per_second: rate } }: {
  model: ModelView;
}) {
  const t = messages.value.models;
  const texts = [
    first !== null && t.first(formatDuration(first)),
    rate !== null && messages.value.nodes.perSecond(formatNumber(Math.round(rate))),
  ].filter(Boolean);
  return texts.length === 0 ? null : <p class="hint" title={t.lastDay}>{texts.join(" · ")}</p>;
}

function Abilities({ model: { capabilities } }: { model: ModelView }) {
  const t = messages.value.models;
  const { context_length: context, tools, vision, thinking, loaded, endpoints } = capabilities;
  const uses = endpoints.filter((path) => !CHATS.has(path) || !endpoints.includes(CHAT));
  const texts = [
    endpoints.includes(CHAT) && t.endpoints[CHAT],
    tools && t.tools,
    vision && t.vision,
    thinking && t.thinking,
    ...uses.map((path) => t.endpoints[path as keyof typeof t.endpoints] ?? path),
  ].filter((text): text is string => typeof text === "string");
  const facts = [
    context !== null && t.context(thousands(context)),
    loaded !== null && (loaded ? t.loaded : t.notLoaded),
  ].filter(Boolean);
  return (
    <>
      <ul class={chipStyle.chips} aria-label={t.abilities}>
        {texts.map((text) => <li key={text} class={chipStyle.soft}>{text}</li>)}
      </ul>
      {facts.length > 0 && <p class="hint">{facts.join(" · ")}</p>}
    </>
  );
}

const CHAT = "/v1/chat/completions";
/** Other ways to chat, which every model has that chats. */
const CHATS: ReadonlySet<string> = new Set([
  CHAT,
  "/v1/responses",
  "/v1/messages",
  "/v1/messages/count_tokens",
]);

/** The usual notation of context lengths: both 32768 and 32000 tokens are 32K, and 128000 are 128K. */
function thousands(tokens: number): string {
  const unit = tokens % 1000 !== 0 && tokens % 1024 === 0 ? 1024 : 1000;
  const count = Math.round(tokens / unit);
  return count < unit ? `${count}K` : `${Math.round(count / unit * 10) / 10}M`;
}

/** Nodes shown by name. */
const SHOWN = 3;

function Servers({ nodes }: { nodes: readonly ModelNode[] }) {
  const t = messages.value;
  return (
    <ul class={style.servers} aria-label={t.models.servers}>
      {nodes.slice(0, SHOWN).map(({ id, name, state, mine }) => (
        <li key={id}>
          <a href={nodePath(id)}>{name}</a>
          <span class="hint">
            {[t.nodes.states[state], mine && t.nodes.mine].filter(Boolean).join(" · ")}
          </span>
        </li>
      ))}
      {nodes.length > SHOWN && <li class="hint">{t.nodes.more(nodes.length - SHOWN)}</li>}
    </ul>
  );
}
