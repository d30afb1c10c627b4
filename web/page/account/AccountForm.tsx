/** The form that both making an account and signing in are: fields, what is wrong with them, one button. */

import type { ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../../api.ts";
import type { Credentials, Problems } from "./credentials.ts";
import { messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { ErrorNotice, errorText } from "../../part/Notice.tsx";
import { Field } from "../../part/Field.tsx";

interface Props {
  action: string;
  /** Whether a password is being chosen, and not asked for. */
  isNew: boolean;
  /** Null: no invite is asked for; else what the field starts with. */
  invite: string | null;
  problemsOf: (form: Credentials) => Problems;
  onSubmit: (form: Credentials) => Promise<void>;
  /** More fields. */
  children?: ComponentChildren;
}

/** The gateway's codes that are about one field. */
const fieldOfCode: Readonly<Record<string, keyof Credentials>> = {
  email_taken: "email",
  weak_password: "password",
  invite_required: "invite",
};

export function AccountForm({ action, isNew, invite, problemsOf, onSubmit, children }: Props) {
  const t = messages.value.account;
  const element = useRef<HTMLFormElement>(null);
  const form = useSignal<Credentials>({ email: "", password: "", invite: invite ?? "" });
  const wasTried = useSignal(false);
  const { isBusy, error, run } = useSubmit();

  const set = (field: keyof Credentials) => (text: string) =>
    form.value = { ...form.value, [field]: text };
  const problems: Problems = {
    ...refused(error.value),
    ...(wasTried.value ? problemsOf(form.value) : {}),
  };

  useEffect(() => {
    const field = error.value && refusedField(error.value);
    if (field) focus(element.current, field);
  }, [error.value]);

  const submit = (event: Event) => {
    event.preventDefault();
    wasTried.value = true;
    const [first] = Object.keys(problemsOf(form.value));
    if (first) return focus(element.current, first);
    const { email, ...rest } = form.value;
    void run(() => onSubmit({ ...rest, email: email.trim() }));
  };

  return (
    <form ref={element} class="panel form" noValidate onSubmit={submit}>
      {error.value && !refusedField(error.value) && <ErrorNotice error={error.value} />}
      <Field
        label={t.email}
        name="email"
        type="email"
        autocomplete="username"
        value={form.value.email}
        onInput={set("email")}
        problem={problems.email}
      />
      <Field
        label={t.password}
        name="password"
        type="password"
        autocomplete={isNew ? "new-password" : "current-password"}
        value={form.value.password}
        onInput={set("password")}
        hint={isNew ? t.passwordHint : undefined}
        problem={problems.password}
      />
      {invite !== null && (
        <Field
          label={t.invite}
          name="invite"
          autocomplete="off"
          value={form.value.invite}
          onInput={set("invite")}
          hint={t.inviteHint}
          problem={problems.invite}
        />
      )}
      {children}
      <button type="submit" class="button primary large" aria-disabled={isBusy.value}>
        {isBusy.value ? messages.value.loading : action}
      </button>
    </form>
  );
}

function focus(form: HTMLFormElement | null, field: string): void {
  form?.querySelector<HTMLElement>(`[name=${field}]`)?.focus();
}

/** What the gateway refused, beside the field that it was about. */
function refused(error: ApiError | null): Problems {
  const field = error && refusedField(error);
  return error && field ? { [field]: errorText(error) } : {};
}

function refusedField(error: ApiError): keyof Credentials | undefined {
  const named = (["email", "password", "invite"] as const).find((field) => field === error.param);
  return fieldOfCode[error.code] ?? named;
}
