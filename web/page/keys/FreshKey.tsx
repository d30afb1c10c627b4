/** A token with code that uses it, and the first call made with it. */

import { useSignal } from "@preact/signals";
import type { CallView, CreatedKey } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { CallExamples } from "../../part/CallExamples.tsx";
import { CopyField } from "../../part/CopyField.tsx";
import { firstChoice } from "../../state/chat_models.ts";
import { useFeed } from "../../state/feed.ts";
import { useLive } from "../../state/live.ts";
import { formatDuration, messages } from "../../state/locale.ts";
import { buttonClass } from "../../part/button.ts";
import * as buttonStyle from "../../part/button.module.css";
import { LookOut } from "../../part/LookOut.tsx";
import { nameOf } from "./limits.ts";

interface Props {
  created: CreatedKey;
  /** Of the button that closes it. */
  done: string;
  onDone: () => void;
}

const REFRESH_MS = 10_000;
/** Model in the examples while none is online. */
const PLACEHOLDER = "model-name";

export function FreshKey({ created: { key, token }, done, onDone }: Props) {
  const t = messages.value.keys;
  const models = useLive(api.models, REFRESH_MS).value.data?.models ?? [];
  const allowed = models.filter(({ id }) => key.models?.includes(id) ?? true);
  const model = firstChoice(allowed, []) || PLACEHOLDER;
  return (
    <>
      <CopyField
        label={nameOf(key)}
        hint={t.kinds[key.kind]}
        value={token}
        isShownAtFirst={!key.is_default}
      />
      {key.kind === "api" && (
        <>
          <CallExamples token={token} model={model} />
          <FirstCall keyId={key.id} />
        </>
      )}
      <div class={buttonStyle.actionsEnd}>
        <button type="button" class={buttonClass("primary")} onClick={onDone}>{done}</button>
      </div>
    </>
  );
}

/** Waits for the key's first call and shows its result. */
function FirstCall({ keyId }: { keyId: string }) {
  const t = messages.value.keys;
  const first = useSignal<CallView | null>(null);
  useFeed("call", (call) => {
    if (call.key_id === keyId) first.value ??= call;
  });
  if (!first.value) return <LookOut isDone={false}>{t.waiting}</LookOut>;
  const { status, first_byte_ms, node_name } = first.value;
  const facts = [
    String(status),
    first_byte_ms !== null && t.firstByte(formatDuration(first_byte_ms)),
    node_name,
  ].filter(Boolean).join(" · ");
  return (
    <LookOut isDone>
      <p>
        <strong>{t.received}</strong> {facts}
      </p>
    </LookOut>
  );
}
