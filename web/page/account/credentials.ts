/** Checks of e-mail address, password and invite code before they are sent. */

import type { Messages } from "../../i18n/en.ts";

export interface Credentials {
  email: string;
  password: string;
  invite: string;
}

/** Problem texts by field; a valid field has none. */
export type Problems = Partial<Record<keyof Credentials, string>>;

type Words = Messages["account"]["problems"];

const PASSWORD_MIN_BYTES = 8;
/** bcrypt ignores all further bytes. */
const PASSWORD_MAX_BYTES = 72;

export function registrationProblems(
  form: Credentials,
  needsInvite: boolean,
  words: Words,
): Problems {
  return withoutEmpty({
    email: emailProblem(form.email, words),
    password: passwordProblem(form.password, words),
    invite: needsInvite && form.invite.trim() === "" ? words.inviteMissing : undefined,
  });
}

/** Unlike a new password, an existing one may have any length. */
export function loginProblems(form: Credentials, words: Words): Problems {
  return withoutEmpty({
    email: emailProblem(form.email, words),
    password: form.password === "" ? words.passwordMissing : undefined,
  });
}

/** The problem of an address; undefined when it looks like one. */
export function emailProblem(email: string, words: Words): string | undefined {
  if (email.trim() === "") return words.emailMissing;
  return /^[^\s@]+@[^\s@]+$/.test(email.trim()) ? undefined : words.emailWrong;
}

/** The problem of a new password; undefined when it is valid. */
export function passwordProblem(password: string, words: Words): string | undefined {
  if (password === "") return words.passwordMissing;
  const bytes = new TextEncoder().encode(password).length;
  if (bytes < PASSWORD_MIN_BYTES) return words.passwordShort;
  return bytes > PASSWORD_MAX_BYTES ? words.passwordLong(bytes) : undefined;
}

function withoutEmpty(problems: Partial<Record<keyof Credentials, string | undefined>>): Problems {
  return Object.fromEntries(Object.entries(problems).filter(([, text]) => text !== undefined));
}
