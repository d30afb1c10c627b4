/** Registration and sign-in, in English. */

import { count } from "./words.ts";

export const account = {
  registerTitle: "Create an account",
  registerLead: "It takes an e-mail address and a password. You can call models at once.",
  registerAction: "Create account",
  haveAccount: "Already have an account?",
  loginTitle: "Sign in",
  loginAction: "Sign in",
  providerAction: (name: string) => `Sign in with ${name}`,
  providerLink: (name: string) => `Link with ${name}`,
  noAccount: "No account yet?",
  sessionEnded: "Session expired. Sign in to continue where you were.",
  email: "E-mail",
  password: "Password",
  passwordHint: "At least 8 characters; a sentence is easier to remember than a riddle.",
  showPassword: "Show password",
  invite: "Invite code",
  inviteHint: "This gateway is open to invited people only.",
  closedTitle: "Registration is closed.",
  closedText: "Ask your administrator for an account.",
  resetTitle: "Set a new password",
  resetLead: "It ends every session of the account. Its keys stay as they are.",
  resetAction: "Set the password",
  resetDone: (email: string) => `${email} has a new password.`,
  resetWithoutCode: "Open the link that your administrator sent you: its end is missing here.",
  problems: {
    emailMissing: "Enter your e-mail address.",
    emailWrong: "This does not look like an e-mail address.",
    passwordMissing: "Enter your password.",
    passwordShort: "Too short: it needs at least 8 characters.",
    passwordLong: (bytes: number) => `Too long: ${count(bytes, "byte", "bytes")}; the limit is 72.`,
    inviteMissing: "Enter the invite code you were given.",
  },
} as const;
