/** What can be told of an e-mail address, a password and an invite code before the gateway is asked. */

import type { Messages } from "../../i18n/en.ts";

export interface Credentials {
  email: string;
  password: string;
  invite: string;
}

/** The text to show beside each field that is wrong. */
export type Problems = Partial<Record<keyof Credentials, string>>;

type Words = Messages["account"]["problems"];

const PASSWORD_MIN_BYTES = 8;
/** bcrypt reads no further. */
const PASSWORD_MAX_BYTES = 72;

/** Of someone who makes an account. */
export function registrationProblems(
  form: Credentials,
  needsInvite: boolean,
  words: Words,
): Problems {
  return found({
    email: emailProblem(form.email, words),
    password: passwordProblem(form.password, words),
    invite: needsInvite && form.invite.trim() === "" ? words.inviteMissing : undefined,
  });
}

/** Of someone who signs in: an old password may be of any length. */
export function loginProblems(form: Credentials, words: Words): Problems {
  return found({
    email: emailProblem(form.email, words),
    password: form.password === "" ? words.passwordMissing : undefined,
  });
}

function emailProblem(email: string, words: Words): string | undefined {
  if (email.trim() === "") return words.emailMissing;
  return /^[^\s@]+@[^\s@]+$/.test(email.trim()) ? undefined : words.emailWrong;
}

/** Of one that is being chosen; undefined: nothing is wrong. */
export function passwordProblem(password: string, words: Words): string | undefined {
  if (password === "") return words.passwordMissing;
  const bytes = new TextEncoder().encode(password).length;
  if (bytes < PASSWORD_MIN_BYTES) return words.passwordShort;
  return bytes > PASSWORD_MAX_BYTES ? words.passwordLong(bytes) : undefined;
}

function found(problems: Partial<Record<keyof Credentials, string | undefined>>): Problems {
  return Object.fromEntries(Object.entries(problems).filter(([, text]) => text !== undefined));
}
