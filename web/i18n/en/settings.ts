/** The settings page, in English. */

export const settings = {
  title: "Settings",
  look: "Language and appearance",
  language: "Language",
  theme: "Theme",
  themes: { system: "System", light: "Light", dark: "Dark" },
  password: "Password",
  passwordText: "Changing it signs you out everywhere else.",
  currentPassword: "Current password",
  newPassword: "New password",
  changePassword: "Change the password",
  passwordChanged: "The password is changed; every other session has ended.",
  sessions: "Sessions",
  sessionsText: "Where you are signed in.",
  unknownProgram: "Unknown program",
  thisOne: "this one",
  seen: (age: string) => `seen ${age}`,
  since: (moment: string) => `since ${moment}`,
  end: "Sign out",
  endOf: (name: string) => `Sign out: ${name}`,
  endOthers: "Sign out everywhere else",
} as const;
