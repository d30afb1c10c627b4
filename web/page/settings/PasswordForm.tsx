/** Changes the password, which ends every other session. */

import { useSignal } from "@preact/signals";
import { api, type ApiError } from "../../api.ts";
import { Field } from "../../part/Field.tsx";
import { ErrorNotice, errorText, fieldProblem, Notice } from "../../part/Notice.tsx";
import { messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { passwordProblem } from "../account/credentials.ts";

interface Form {
  current_password: string;
  new_password: string;
}

const empty: Form = { current_password: "", new_password: "" };

/** The gateway's codes that are about one field. */
const fieldOfCode: Readonly<Record<string, keyof Form>> = {
  invalid_credentials: "current_password",
  weak_password: "new_password",
};

export function PasswordForm({ email }: { email: string }) {
  const t = messages.value.settings;
  const form = useSignal(empty);
  const wasTried = useSignal(false);
  const wasChanged = useSignal(false);
  const { isBusy, error, run } = useSubmit();
  const own = problems(form.value);
  const problem = (name: keyof Form) =>
    (wasTried.value ? own[name] : undefined) ??
      (error.value ? refused(error.value, name) : undefined);
  const set = (name: keyof Form) => (text: string) => {
    form.value = { ...form.value, [name]: text };
    wasChanged.value = false;
  };
  const submit = (event: Event) => {
    event.preventDefault();
    wasTried.value = true;
    if (own.current_password || own.new_password) return;
    void run(async () => {
      await api.changePassword(form.value);
      form.value = empty;
      wasTried.value = false;
      wasChanged.value = true;
    });
  };
  const isBesideField = problem("current_password") ?? problem("new_password");
  return (
    <form class="form setting-body" noValidate onSubmit={submit}>
      {error.value && !isBesideField && <ErrorNotice error={error.value} />}
      {wasChanged.value && <Notice tone="good">{t.passwordChanged}</Notice>}
      {/* Password managers want to know whose it is. */}
      <input type="text" name="email" autocomplete="username" value={email} readOnly hidden />
      <Field
        label={t.currentPassword}
        name="current_password"
        type="password"
        autocomplete="current-password"
        value={form.value.current_password}
        onInput={set("current_password")}
        problem={problem("current_password")}
      />
      <Field
        label={t.newPassword}
        name="new_password"
        type="password"
        autocomplete="new-password"
        value={form.value.new_password}
        onInput={set("new_password")}
        hint={messages.value.account.passwordHint}
        problem={problem("new_password")}
      />
      <div class="actions">
        <button type="submit" class="button primary" aria-disabled={isBusy.value}>
          {t.changePassword}
        </button>
      </div>
    </form>
  );
}

function problems(form: Form): Partial<Form> {
  const words = messages.value.account.problems;
  return {
    current_password: form.current_password === "" ? words.passwordMissing : undefined,
    new_password: passwordProblem(form.new_password, words),
  };
}

function refused(error: ApiError, name: keyof Form): string | undefined {
  return fieldOfCode[error.code] === name ? errorText(error) : fieldProblem(error, name);
}
