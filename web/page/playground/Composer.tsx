/** The input of the next question: text and pictures, sent with Enter, stopped with Escape. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Icon } from "../../part/Icon.tsx";
import { messages } from "../../state/locale.ts";
import type { UserMessage } from "./chat_request.ts";
import type { Conversation } from "./conversation.ts";
import { shrunken } from "./picture.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./Composer.module.css";
import * as formStyle from "../../part/form.module.css";

interface Props {
  conversation: Conversation;
  onAsk: (asked: UserMessage) => Promise<void>;
  onStop: () => void;
}

/** Models take no more at once. */
const MAX_IMAGES = 4;

export function Composer({ conversation, onAsk, onStop }: Props) {
  const t = messages.value.playground;
  const text = useSignal("");
  const images = useSignal<readonly string[]>([]);
  const wasNoPicture = useSignal(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const last = conversation.turns.value.at(-1);
  const isBusy = last?.answers.some((answer) => !answer.isOver.value) ?? false;
  const hasModel = conversation.models.value[0] !== "";
  const canSend = !isBusy && hasModel && (text.value.trim() !== "" || images.value.length > 0);

  const send = () => {
    if (!canSend) return;
    const asked = { text: text.value.trim(), images: images.value };
    text.value = "";
    images.value = [];
    void onAsk(asked);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter while composing picks a candidate of the input method.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && isBusy) onStop();
  };
  const add = async (files: Iterable<File>) => {
    const all = await Promise.all([...files].map(shrunken));
    const good = all.filter((url) => url !== null);
    wasNoPicture.value = good.length < all.length;
    images.value = [...images.value, ...good].slice(0, MAX_IMAGES);
  };
  const onPaste = (event: ClipboardEvent) => {
    const files = [...event.clipboardData?.files ?? []];
    if (files.length === 0) return;
    event.preventDefault();
    void add(files);
  };

  return (
    <form
      class={style.composer}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {images.value.length > 0 && (
        <ul class={style.images}>
          {images.value.map((url, i) => (
            <li key={url}>
              <img src={url} alt={t.imageOf(i + 1)} />
              <button
                type="button"
                class={`${buttonClass("iconOnly", "small")} ${style.remove}`}
                aria-label={t.removeImage(i + 1)}
                onClick={() => images.value = images.value.filter((_, other) => other !== i)}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {wasNoPicture.value && <p class={formStyle.problem} role="alert">{t.noPicture}</p>}
      <textarea
        ref={field}
        rows={1}
        aria-label={t.message}
        placeholder={t.placeholder}
        value={text.value}
        onInput={(event) => text.value = event.currentTarget.value}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      <div class={style.line}>
        <input
          ref={picker}
          type="file"
          accept="image/*"
          multiple
          hidden
          onChange={(event) => {
            void add(event.currentTarget.files ?? []);
            event.currentTarget.value = "";
          }}
        />
        <button
          type="button"
          class={buttonClass("iconOnly")}
          aria-label={t.addImage}
          title={t.addImage}
          onClick={() => picker.current?.click()}
        >
          <Icon name="image" />
        </button>
        <p class="hint">{t.privacy}</p>
        {isBusy
          ? (
            <button type="button" class={buttonClass()} onClick={onStop}>
              <Icon name="stop" /> {t.stop}
            </button>
          )
          : (
            <button type="submit" class={buttonClass("primary")} aria-disabled={!canSend}>
              <Icon name="send" /> {t.send}
            </button>
          )}
      </div>
    </form>
  );
}
