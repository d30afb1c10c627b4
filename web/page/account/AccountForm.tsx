/** The form of registration and sign-in: e-mail, password, and where needed an invite code. */

import type { ComponentChildren } from "preact";
import type { ApiError } from "../../api.ts";
import type { Credentials, Problems } from "./credentials.ts";
import { messages } from "../../state/locale.ts";
import { useForm } from "../../state/form.ts";
import { errorText, fieldProblem } from "../../part/Notice.tsx";
import { Field } from "../../part/Field.tsx";
import { PanelForm } from "./PanelForm.tsx";

interface Props {
  action: string;
  /** Whether a new password is chosen, rather than an existing one entered. */
  isNew: boolean;
  /** Initial text of the invite field; null: no such field. */
  invite: string | null;
  problemsOf: (form: Credentials) => Problems;
  onSubmit: (form: Credentials) => Promise<void>;
  /** Further fields. */
  children?: ComponentChildren;
}

/** The field at fault, by error code. */
const fieldOfCode: Readonly<Record<string, keyof Credentials>> = {
  email_taken: "email",
  weak_password: "password",
  invite_required: "invite",
};

export function AccountForm({ action, isNew, invite, problemsOf, onSubmit, children }: Props) {
  const t = messages.value.account;
  const form = useForm<Credentials>({
    initial: { email: "", password: "", invite: invite ?? "" },
    problemsOf,
    rejectionOf,
    onSubmit: ({ email, ...rest }) => onSubmit({ ...rest, email: email.trim() }),
  });
  return (
    <PanelForm form={form} action={action}>
      <Field
        label={t.email}
        name="email"
        type="email"
        autocomplete="username"
        value={form.values.email}
        onInput={form.set("email")}
        problem={form.problem("email")}
      />
      <Field
        label={t.password}
        name="password"
        type="password"
        autocomplete={isNew ? "new-password" : "current-password"}
        value={form.values.password}
        onInput={form.set("password")}
        hint={isNew ? t.passwordHint : undefined}
        problem={form.problem("password")}
      />
      {invite !== null && (
        <Field
          label={t.invite}
          name="invite"
          autocomplete="off"
          value={form.values.invite}
          onInput={form.set("invite")}
          hint={t.inviteHint}
          problem={form.problem("invite")}
        />
      )}
      {children}
    </PanelForm>
  );
}

function rejectionOf(error: ApiError) {
  const named = (["email", "password", "invite"] as const).find((field) => field === error.param);
  const field = fieldOfCode[error.code] ?? named;
  return field === undefined
    ? null
    : { field, text: fieldProblem(error, field) ?? errorText(error) };
}
