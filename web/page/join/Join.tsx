/** Lets a machine join the account: shows who asks under the code that its terminal shows, and approves or denies. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useRoute } from "preact-iso/router";
import type { JoinRequestView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Facts } from "../../part/Facts.tsx";
import { Field } from "../../part/Field.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { ErrorNotice, Notice } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { paths } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { now } from "../../state/live.ts";
import { formatAge, messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { texts } from "./texts.ts";
import { buttonClass } from "../../part/button.ts";
import * as buttonStyle from "../../part/button.module.css";
import * as formStyle from "../../part/form.module.css";
import * as panelStyle from "../../part/panel.module.css";

export function Join() {
  return <Guarded>{(user) => <JoinForm email={user.email} />}</Guarded>;
}

function JoinForm({ email }: { email: string }) {
  const t = texts.value;
  const { query } = useRoute();
  const code = useSignal(query.code ?? "");
  const request = useSignal<JoinRequestView | null>(null);
  const { isBusy, error, run } = useSubmit();
  const load = () =>
    run(async () => {
      request.value = (await api.joinRequest(code.value.trim())).request;
    });
  const decide = (approved: boolean) =>
    run(async () => {
      request.value = (await api.decideJoin(code.value.trim(), approved)).request;
    });
  useEffect(() => {
    if (code.peek() !== "") void load();
  }, []);

  return (
    <Page title={t.title} lead={t.lead} width="narrow">
      {error.value && <ErrorNotice error={error.value} />}
      {request.value === null
        ? (
          <form
            class={`${panelStyle.panel} ${formStyle.form}`}
            noValidate
            onSubmit={(event) => {
              event.preventDefault();
              if (code.value.trim() !== "") void load();
            }}
          >
            <Field
              label={t.code}
              name="code"
              autocomplete="off"
              value={code.value}
              onInput={(text) => code.value = text}
              hint={t.codeHint}
            />
            <button
              type="submit"
              class={buttonClass("primary", "large")}
              aria-disabled={isBusy.value}
            >
              {t.next}
            </button>
          </form>
        )
        : (
          <Request
            request={request.value}
            code={code.value}
            email={email}
            isBusy={isBusy.value}
            onDecide={decide}
          />
        )}
    </Page>
  );
}

interface RequestProps {
  request: JoinRequestView;
  code: string;
  email: string;
  isBusy: boolean;
  onDecide: (approved: boolean) => void;
}

function Request({ request, code, email, isBusy, onDecide }: RequestProps) {
  const t = texts.value;
  const { machine, address, created_at, state } = request;
  if (state === "denied") return <Notice tone="info">{t.denied(machine)}</Notice>;
  if (state !== "open") {
    return (
      <>
        <Notice tone="good">{t.approved(machine)}</Notice>
        <a class={buttonClass()} href={paths.nodes}>{messages.value.nav.pages.nodes}</a>
      </>
    );
  }
  return (
    <section class={panelStyle.panel}>
      <Facts
        rows={[
          [t.machine, <strong key="machine">{machine}</strong>],
          [t.code, <code key="code">{code.toUpperCase()}</code>],
          [t.address, address],
          [t.asked, formatAge(Math.max(0, serverNow(now.value) - created_at))],
          [t.account, email],
        ]}
      />
      <p>{t.warning}</p>
      <div class={buttonStyle.actions}>
        <button
          type="button"
          class={buttonClass("primary")}
          aria-disabled={isBusy}
          onClick={() => onDecide(true)}
        >
          {t.approve}
        </button>
        <button
          type="button"
          class={buttonClass()}
          aria-disabled={isBusy}
          onClick={() => onDecide(false)}
        >
          {t.deny}
        </button>
      </div>
    </section>
  );
}
