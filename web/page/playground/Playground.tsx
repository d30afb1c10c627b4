/** Chat with one model, or with two side by side. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useRoute } from "preact-iso/router";
import type { UserView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { useTitle } from "../../part/Page.tsx";
import { chatModels, chatModelsByState, firstChoice, withModels } from "../../state/chat_models.ts";
import { kept } from "../../state/kept.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { media } from "../../state/media.ts";
import { CodeDialog } from "./CodeDialog.tsx";
import { Composer } from "./Composer.tsx";
import { Conversation } from "./conversation.ts";
import { belongTo, keep, markOpen, openConversation } from "./history.ts";
import { HistoryDialog } from "./HistoryDialog.tsx";
import type { UserMessage } from "./chat_request.ts";
import { SettingFields, Settings } from "./Settings.tsx";
import { Toolbar } from "./Toolbar.tsx";
import { Transcript } from "./Transcript.tsx";
import * as style from "./Playground.module.css";

const REFRESH_MS = 5000;
/** The model that was used last. */
const lastModel = kept("playground.model", (text) => text ?? "");

/** Where the settings have no room beside the conversation. */
const isNarrow = media("(max-width: 60rem)");

export function Playground() {
  return <Guarded>{(user) => <Chat user={user} />}</Guarded>;
}

function Chat({ user }: { user: UserView }) {
  const t = messages.value.playground;
  useTitle(t.title);
  const { query } = useRoute();
  const conversation = useSignal(new Conversation());
  const dialog = useSignal<"code" | "history" | null>(null);
  const areSettingsOpen = useSignal(false);
  const nodes = useLive(api.nodes, REFRESH_MS).value.data?.nodes ?? null;
  const offered = useLive(api.models, REFRESH_MS).value.data?.models ?? null;
  const models = offered && chatModels(offered);
  const current = conversation.value;

  useEffect(() => belongTo(user.id), [user.id]);
  useEffect(() => () => conversation.peek().stop(), []);
  useEffect(() => {
    const columns = current.models.value;
    if (!columns.includes("") || !offered || !models?.length) return;
    const first = firstChoice(offered, [query.model, lastModel.value]);
    current.models.value = withModels(columns, first, models);
  }, [models?.join("\n"), current, query.model]);

  /** Stores the conversation while it is answered, so that a reload can go on, and when it was. */
  const follow = async (talk: Conversation, answered: Promise<void>) => {
    keep(talk);
    markOpen(talk.id);
    await answered;
    keep(talk);
    markOpen(null);
  };
  const ask = (asked: UserMessage) => {
    lastModel.value = current.models.value[0] ?? "";
    return follow(current, current.ask(asked, user.api_token));
  };
  const again = () => follow(current, current.again(user.api_token));
  useEffect(() => {
    const open = openConversation();
    if (open === null) return;
    conversation.value = open;
    void follow(open, open.resume(user.api_token));
  }, []);
  const begin = (next: Conversation) => {
    current.stop();
    next.models.value = next.models.value[0] ? next.models.value : current.models.value;
    conversation.value = next;
  };

  return (
    <div
      class={areSettingsOpen.value ? `${style.playground} ${style.withSettings}` : style.playground}
    >
      <h1 class="off-screen">{t.title}</h1>
      <Toolbar
        conversation={current}
        models={offered && chatModelsByState(offered)}
        areSettingsOpen={areSettingsOpen}
        onNew={() => begin(new Conversation())}
        onCode={() => dialog.value = "code"}
        onHistory={() => dialog.value = "history"}
      />
      <div class={style.talk}>
        <Transcript
          conversation={current}
          nodes={nodes}
          models={models}
          onAsk={(text) => void ask({ text, images: [] })}
          onAgain={() => void again()}
        />
        <Composer
          key={current.id}
          conversation={current}
          onAsk={ask}
          onStop={() => current.stop()}
        />
      </div>
      {!isNarrow.value && areSettingsOpen.value && <Settings conversation={current} />}
      {isNarrow.value && (
        <Dialog isOpen={areSettingsOpen} title={t.settings} width="sheet">
          <SettingFields conversation={current} />
        </Dialog>
      )}
      {dialog.value === "code" && (
        <CodeDialog
          body={current.lastBody(t.samples[0])}
          apiToken={user.api_token}
          onClose={() => dialog.value = null}
        />
      )}
      {dialog.value === "history" && (
        <HistoryDialog
          onOpen={begin}
          onClose={() => dialog.value = null}
        />
      )}
    </div>
  );
}
