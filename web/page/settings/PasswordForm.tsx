/** Changes the password, which ends every other session. */

import { useSignal } from "@preact/signals";
import { api, type ApiError } from "../../api.ts";
import { Field } from "../../part/Field.tsx";
import { ErrorNotice, errorText, Notice } from "../../part/Notice.tsx";
import { messages } from "../../state/locale.ts";
import { useForm } from "../../state/form.ts";
import { passwordProblem } from "../account/credentials.ts";
import { buttonClass } from "../../part/button.ts";
import * as formStyle from "../../part/form.module.css";
import * as settingsStyle from "./Settings.module.css";
import * as buttonStyle from "../../part/button.module.css";
import { texts } from "./texts.ts";

type Passwords = {
  current_password: string;
  new_password: string;
};

/** The field at fault, by error code. */
const fieldOfCode: Readonly<Record<string, keyof Passwords>> = {
  invalid_credentials: "current_password",
  weak_password: "new_password",
};

export function PasswordForm({ email }: { email: string }) {
  const t = texts.value;
  const wasChanged = useSignal(false);
  const form = useForm<Passwords>({
    initial: { current_password: "", new_password: "" },
    problemsOf,
    rejectionOf,
    onSubmit: async (passwords) => {
      await api.changePassword(passwords);
      form.clear();
      wasChanged.value = true;
    },
  });
  const set = (field: keyof Passwords) => (text: string) => {
    wasChanged.value = false;
    form.set(field)(text);
  };
  return (
    <form
      ref={form.element}
      class={`${formStyle.form} ${settingsStyle.body}`}
      noValidate
      onSubmit={form.submit}
    >
      {form.failure && <ErrorNotice error={form.failure} />}
      {wasChanged.value && <Notice tone="good">{t.passwordChanged}</Notice>}
      {/* Tells password managers which account the password belongs to. */}
      <input type="text" name="email" autocomplete="username" value={email} readOnly hidden />
      <Field
        label={t.currentPassword}
        name="current_password"
        type="password"
        autocomplete="current-password"
        value={form.values.current_password}
        onInput={set("current_password")}
        problem={form.problem("current_password")}
      />
      <Field
        label={t.newPassword}
        name="new_password"
        type="password"
        autocomplete="new-password"
        value={form.values.new_password}
        onInput={set("new_password")}
        hint={messages.value.account.passwordHint}
        problem={form.problem("new_password")}
      />
      <div class={buttonStyle.actions}>
        <button type="submit" class={buttonClass("primary")} aria-disabled={form.isBusy.value}>
          {t.changePassword}
        </button>
      </div>
    </form>
  );
}

function problemsOf({ current_password, new_password }: Passwords) {
  const words = messages.value.account.problems;
  return {
    current_password: current_password === "" ? words.passwordMissing : undefined,
    new_password: passwordProblem(new_password, words),
  };
}

function rejectionOf(error: ApiError) {
  const field = fieldOfCode[error.code];
  return field === undefined ? null : { field, text: errorText(error) };
}
