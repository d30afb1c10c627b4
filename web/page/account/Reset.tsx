/** Sets a new password with the code of a link that an administrator made. */

import { useSignal } from "@preact/signals";
import { api, type ApiError } from "../../api.ts";
import { Field } from "../../part/Field.tsx";
import { PanelForm } from "./PanelForm.tsx";
import { errorText, Notice } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { paths } from "../../route.ts";
import { useForm } from "../../state/form.ts";
import { messages } from "../../state/locale.ts";
import { texts as settings } from "../settings/texts.ts";
import { passwordProblem } from "./credentials.ts";

export function Reset() {
  const t = messages.value.account;
  const email = useSignal<string | null>(null);
  // Read once: it leaves the address as soon as it is used.
  const code = useSignal(location.hash.slice(1)).value;
  const done = (of: string) => {
    email.value = of;
    history.replaceState(null, "", paths.reset);
  };
  return (
    <Page title={t.resetTitle} lead={email.value === null && t.resetLead} width="narrow">
      {email.value !== null
        ? (
          <Notice tone="good">
            {t.resetDone(email.value)} <a href={paths.login}>{t.loginAction}</a>
          </Notice>
        )
        : code === ""
        ? <Notice tone="info">{t.resetWithoutCode}</Notice>
        : <NewPassword code={code} onDone={done} />}
    </Page>
  );
}

function NewPassword({ code, onDone }: { code: string; onDone: (email: string) => void }) {
  const t = messages.value;
  const form = useForm({
    initial: { new_password: "" },
    problemsOf: ({ new_password }) => ({
      new_password: passwordProblem(new_password, t.account.problems),
    }),
    rejectionOf,
    onSubmit: async ({ new_password }) => {
      const { email } = await api.resetPassword({ code, new_password });
      onDone(email);
    },
  });
  return (
    <PanelForm form={form} action={t.account.resetAction}>
      <Field
        label={settings.value.newPassword}
        name="new_password"
        type="password"
        autocomplete="new-password"
        value={form.values.new_password}
        onInput={form.set("new_password")}
        hint={t.account.passwordHint}
        problem={form.problem("new_password")}
      />
    </PanelForm>
  );
}

function rejectionOf(error: ApiError) {
  return error.code === "weak_password"
    ? { field: "new_password" as const, text: errorText(error) }
    : null;
}
