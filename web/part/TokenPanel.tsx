/** The account's two tokens: show, copy, rotate. */

import { useSignal } from "@preact/signals";
import type { TokenKind, UserView } from "../../api/mod.ts";
import { messages } from "../state/locale.ts";
import { rotateToken } from "../state/session.ts";
import { Confirm } from "./Confirm.tsx";
import { CopyField } from "./CopyField.tsx";
import { Icon } from "./Icon.tsx";
import { Notice } from "./Notice.tsx";
import { buttonClass } from "./button.ts";
import * as panelStyle from "./panel.module.css";
import * as style from "./TokenPanel.module.css";

export function TokenPanel({ user }: { user: UserView }) {
  const t = messages.value.dashboard;
  return (
    <section aria-labelledby="tokens">
      <h2 id="tokens">{t.tokensTitle}</h2>
      <div class={panelStyle.rows}>
        <Token
          kind="api"
          label={t.apiToken}
          hint={t.apiTokenHint}
          value={user.api_token}
          question={t.rotateApi}
        />
        <Token
          kind="client"
          label={t.clientToken}
          hint={t.clientTokenHint}
          value={user.client_token}
          question={t.rotateClient}
        />
      </div>
    </section>
  );
}

interface TokenProps {
  kind: TokenKind;
  label: string;
  hint: string;
  value: string;
  question: { title: string; text: string };
}

function Token({ kind, label, hint, value, question }: TokenProps) {
  const t = messages.value.dashboard;
  const isAsking = useSignal(false);
  const wasRotated = useSignal(false);
  const rotate = async () => {
    await rotateToken(kind);
    wasRotated.value = true;
  };
  return (
    <div class={style.token}>
      <CopyField label={label} hint={hint} value={value}>
        <button
          type="button"
          class={buttonClass("small")}
          aria-label={`${t.rotate}: ${label}`}
          onClick={() => isAsking.value = true}
        >
          <Icon name="rotate" /> {t.rotate}
        </button>
      </CopyField>
      {value === "" && <Notice tone="warning">{t.unreadable}</Notice>}
      {wasRotated.value && <Notice tone="good">{t.rotated}</Notice>}
      <Confirm isOpen={isAsking} {...question} action={t.rotate} onConfirm={rotate} />
    </div>
  );
}
