/** Changes of the account that ask for its password: its address, and its end. */

import { useSignal } from "@preact/signals";
import { api, type ApiError } from "../../api.ts";
import { Field } from "../../part/Field.tsx";
import { ErrorNotice, errorText, Notice } from "../../part/Notice.tsx";
import { useForm } from "../../state/form.ts";
import { messages } from "../../state/locale.ts";
import { accountGone, emailChanged } from "../../state/session.ts";
import { emailProblem } from "../account/credentials.ts";
import { buttonClass } from "../../part/button.ts";
import * as formStyle from "../../part/form.module.css";
import * as settingsStyle from "./Settings.module.css";
import * as buttonStyle from "../../part/button.module.css";

export function EmailForm({ email }: { email: string }) {
  const t = messages.value.settings;
  const wasChanged = useSignal(false);
  const form = useForm({
    initial: { email: "", password: "" },
    problemsOf: (values) => {
      const words = messages.value.account.problems;
      return { email: emailProblem(values.email, words), password: missing(values.password) };
    },
    rejectionOf: (error: ApiError) =>
      error.code === "email_taken" || error.param === "email"
        ? { field: "email" as const, text: errorText(error) }
        : wrongPassword(error),
    onSubmit: async (values) => {
      const { user } = await api.changeEmail({ ...values, email: values.email.trim() });
      emailChanged(user);
      form.clear();
      wasChanged.value = true;
    },
  });
  return (
    <form
      ref={form.element}
      class={`${formStyle.form} ${settingsStyle.body}`}
      noValidate
      onSubmit={form.submit}
    >
      {form.failure && <ErrorNotice error={form.failure} />}
      {wasChanged.value && <Notice tone="good">{t.emailChanged(email)}</Notice>}
      <Field
        label={t.newEmail}
        name="email"
        type="email"
        autocomplete="email"
        value={form.values.email}
        onInput={form.set("email")}
        problem={form.problem("email")}
      />
      <Field
        label={t.currentPassword}
        name="password"
        type="password"
        autocomplete="current-password"
        value={form.values.password}
        onInput={form.set("password")}
        problem={form.problem("password")}
      />
      <div class={buttonStyle.actions}>
        <button type="submit" class={buttonClass("primary")} aria-disabled={form.isBusy.value}>
          {t.changeEmail}
        </button>
      </div>
    </form>
  );
}

/** Asks for the address, too: a browser fills in the password by itself. */
export function DeletionForm({ email }: { email: string }) {
  const t = messages.value.settings;
  const form = useForm({
    initial: { address: "", password: "" },
    problemsOf: (values) => ({
      address: values.address.trim().toLowerCase() === email ? undefined : t.typeAddress(email),
      password: missing(values.password),
    }),
    rejectionOf: wrongPassword,
    onSubmit: async ({ password }) => {
      await api.deleteAccount({ password });
      accountGone();
    },
  });
  return (
    <form
      ref={form.element}
      class={`${formStyle.form} ${settingsStyle.body}`}
      noValidate
      onSubmit={form.submit}
    >
      {form.failure && <ErrorNotice error={form.failure} />}
      <Field
        label={t.typeAddress(email)}
        name="address"
        autocomplete="off"
        value={form.values.address}
        onInput={form.set("address")}
        problem={form.problem("address")}
      />
      <Field
        label={t.currentPassword}
        name="password"
        type="password"
        autocomplete="current-password"
        value={form.values.password}
        onInput={form.set("password")}
        problem={form.problem("password")}
      />
      <div class={buttonStyle.actions}>
        <button type="submit" class={buttonClass("danger")} aria-disabled={form.isBusy.value}>
          {t.deleteAccount}
        </button>
      </div>
    </form>
  );
}

function missing(password: string): string | undefined {
  return password === "" ? messages.value.account.problems.passwordMissing : undefined;
}

function wrongPassword(error: ApiError) {
  return error.code === "invalid_credentials"
    ? { field: "password" as const, text: errorText(error) }
    : null;
}
