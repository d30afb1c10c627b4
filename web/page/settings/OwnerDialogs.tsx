/** Changes of the account that ask for its password: its address, and its end. Each is behind a button. */

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { api, type ApiError } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { EditForm } from "../../part/EditForm.tsx";
import { Field } from "../../part/Field.tsx";
import { errorText, fieldProblem, Notice } from "../../part/Notice.tsx";
import { type Form, useForm } from "../../state/form.ts";
import { messages } from "../../state/locale.ts";
import { accountGone, emailChanged, session } from "../../state/session.ts";
import { emailProblem } from "../account/credentials.ts";
import { buttonClass } from "../../part/button.ts";
import * as settingsStyle from "./Settings.module.css";
import * as buttonStyle from "../../part/button.module.css";
import { texts } from "./texts.ts";

interface Props {
  /** The account's address. */
  email: string;
}

export function EmailChange({ email }: Props) {
  const t = texts.value;
  const isOpen = useSignal(false);
  const wasChanged = useSignal(false);
  return (
    <div class={settingsStyle.body}>
      {wasChanged.value && <Notice tone="good">{t.emailChanged(email)}</Notice>}
      <div class={buttonStyle.actions}>
        <button type="button" class={buttonClass()} onClick={() => isOpen.value = true}>
          {t.changeEmail}
        </button>
      </div>
      <Dialog isOpen={isOpen} title={t.changeEmail} text={t.emailText(email)}>
        <EmailForm isOpen={isOpen} onChanged={() => wasChanged.value = true} />
      </Dialog>
    </div>
  );
}

interface EmailFormProps {
  isOpen: Signal<boolean>;
  onChanged: () => void;
}

function EmailForm({ isOpen, onChanged }: EmailFormProps) {
  const t = texts.value;
  const form = useForm({
    initial: { email: "", password: "" },
    problemsOf: (values) => {
      const words = messages.value.account.problems;
      return { email: emailProblem(values.email, words), password: missing(values.password) };
    },
    rejectionOf: (error: ApiError) =>
      error.code === "email_taken" || error.param === "email"
        ? { field: "email" as const, text: fieldProblem(error, "email") ?? errorText(error) }
        : wrongPassword(error),
    onSubmit: async ({ email, password }) => {
      const { user } = await api.changeEmail({ ...proof(password), email: email.trim() });
      emailChanged(user);
      onChanged();
      isOpen.value = false;
    },
  });
  return (
    <OwnerForm form={form} action={t.changeEmail}>
      <Field
        label={t.newEmail}
        name="email"
        type="email"
        autocomplete="email"
        value={form.values.email}
        onInput={form.set("email")}
        problem={form.problem("email")}
      />
    </OwnerForm>
  );
}

export function AccountDeletion({ email }: Props) {
  const t = texts.value;
  const isOpen = useSignal(false);
  return (
    <div class={settingsStyle.body}>
      <div class={buttonStyle.actions}>
        <button type="button" class={buttonClass("danger")} onClick={() => isOpen.value = true}>
          {t.deletion}
        </button>
      </div>
      <Dialog isOpen={isOpen} title={t.deletion} text={t.deletionText}>
        <DeletionForm email={email} />
      </Dialog>
    </div>
  );
}

/** Asks for the address, too: a browser fills in the password by itself. */
function DeletionForm({ email }: Props) {
  const t = texts.value;
  const form = useForm({
    initial: { address: "", password: "" },
    problemsOf: (values) => ({
      address: values.address.trim().toLowerCase() === email ? undefined : t.typeAddress(email),
      password: missing(values.password),
    }),
    rejectionOf: wrongPassword,
    onSubmit: async ({ password }) => {
      await api.deleteAccount(proof(password));
      accountGone();
    },
  });
  return (
    <OwnerForm form={form} action={t.deleteAccount} isDanger>
      <Field
        label={t.typeAddress(email)}
        name="address"
        autocomplete="off"
        value={form.values.address}
        onInput={form.set("address")}
        problem={form.problem("address")}
      />
    </OwnerForm>
  );
}

interface OwnerFormProps<T extends { password: string }> {
  form: Form<T>;
  action: string;
  isDanger?: boolean;
  children: ComponentChildren;
}

/** The fields, then the password. */
function OwnerForm<T extends { password: string }>(
  { form, action, isDanger = false, children }: OwnerFormProps<T>,
) {
  return (
    <EditForm
      element={form.element}
      isBusy={form.isBusy}
      error={form.failure}
      fields={[]}
      action={action}
      isDanger={isDanger}
      onSubmit={form.submit}
    >
      {children}
      {hasPassword()
        ? (
          <Field
            label={texts.value.currentPassword}
            name="password"
            type="password"
            autocomplete="current-password"
            value={form.values.password}
            onInput={form.set("password")}
            problem={form.problem("password")}
          />
        )
        : <p class="hint">{texts.value.freshSignIn}</p>}
    </EditForm>
  );
}

/** An account of the sign-in provider has none: a session that has just begun stands for it. */
function hasPassword(): boolean {
  const current = session.value;
  return current.state !== "in" || current.user.has_password;
}

function proof(password: string): { password?: string } {
  return hasPassword() ? { password } : {};
}

function missing(password: string): string | undefined {
  return password === "" && hasPassword()
    ? messages.value.account.problems.passwordMissing
    : undefined;
}

function wrongPassword(error: ApiError) {
  return error.code === "invalid_credentials"
    ? { field: "password" as const, text: errorText(error) }
    : null;
}
