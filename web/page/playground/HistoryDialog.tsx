/** Earlier conversations, to continue or to delete. */

import { useSignal } from "@preact/signals";
import { Dialog } from "../../part/Dialog.tsx";
import { Icon } from "../../part/Icon.tsx";
import { now } from "../../state/live.ts";
import { formatAge, messages } from "../../state/locale.ts";
import { Conversation, type ConversationRecord } from "./conversation.ts";
import { conversations, forget, forgetAll } from "./history.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./HistoryDialog.module.css";
import * as buttonStyle from "../../part/button.module.css";

interface Props {
  onOpen: (conversation: Conversation) => void;
  onClose: () => void;
}

export function HistoryDialog({ onOpen, onClose }: Props) {
  const t = messages.value.playground;
  const isOpen = useSignal(true);
  const all = conversations.value;
  const open = (record: ConversationRecord) => {
    onOpen(Conversation.from(record));
    isOpen.value = false;
  };
  return (
    <Dialog isOpen={isOpen} title={t.history} text={t.historyText} onClose={onClose}>
      {all.length === 0 ? <p class="hint">{t.noHistory}</p> : (
        <>
          <ul class={style.history}>
            {all.map((record) => <Line key={record.id} record={record} onOpen={open} />)}
          </ul>
          <div class={buttonStyle.actionsEnd}>
            <button type="button" class={buttonClass("small")} onClick={forgetAll}>
              <Icon name="trash" /> {t.forgetAll}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}

interface LineProps {
  record: ConversationRecord;
  onOpen: (record: ConversationRecord) => void;
}

function Line({ record, onOpen }: LineProps) {
  const t = messages.value.playground;
  const title = record.title || t.untitled;
  return (
    <li>
      <button type="button" class={style.open} onClick={() => onOpen(record)}>
        <strong title={title}>{title}</strong>
        <span class="hint">
          {record.models.join(" · ")} · {formatAge(now.value - record.atMs)}
        </span>
      </button>
      <button
        type="button"
        class={buttonClass("iconOnly", "small")}
        aria-label={t.forget(title)}
        onClick={() => forget(record.id)}
      >
        <Icon name="close" />
      </button>
    </li>
  );
}
