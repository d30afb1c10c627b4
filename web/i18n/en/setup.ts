/** The setup of a new gateway, in English. */

export const setup = {
  title: "Set up this gateway",
  lead: "Create the first administrator, who can invite people, approve nodes and set limits.",
  action: "Create the administrator",
  registration: "Who may create an account",
  changeLater: (mode: string) => `${mode} You can change this later.`,
  newLink: "Link expired?",
  wayIn:
    "Open the link that the gateway has printed in its terminal, or print a new one where it runs:",
  container: "In a container:",
  terminal: "Terminal",
  done: "This gateway is already set up. Sign in as an administrator.",
  notice: "This gateway has no administrator yet.",
  noticeAction: "Set it up",
} as const;
