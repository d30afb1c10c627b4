/** The first administrator, in English. */

export const setup = {
  title: "Set up this gateway",
  lead: "Make its first administrator: whoever invites people, approves nodes and sets limits.",
  action: "Create the administrator",
  registration: "Who may make an account",
  changeLater: (mode: string) => `${mode} You can change this later.`,
  newLink: "The link is too old?",
  wayIn:
    "Open the link that the gateway has printed in its terminal, or print a new one where it runs:",
  container: "In a container:",
  terminal: "Terminal",
  done: "This gateway has been set up. Its administrators sign in.",
  notice: "This gateway has no administrator yet.",
  noticeAction: "Set it up",
} as const;
