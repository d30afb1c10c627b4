/** The dashboard, in English. */

export const dashboard = {
  title: "Dashboard",
  memberSince: (day: string) => `Member since ${day}`,
  totals: "Totals",
  callsMade: "Calls made",
  callsMadeHint: "with your API key",
  callsProvided: "Calls provided",
  callsProvidedHint: "by your nodes",
  tokensTitle: "Tokens",
  apiToken: "API key",
  apiTokenHint: "Calls models. Use it as the key in any OpenAI SDK.",
  clientToken: "Node token",
  clientTokenHint: "Connects machines. It goes into config.yaml.",
  rotate: "Rotate",
  rotated: "The new one is in place; the old one has stopped working.",
  unreadable:
    "The gateway’s secret has changed, so this token no longer works. Rotate it to get a new one.",
  rotateApi: {
    title: "Rotate the API key?",
    text: "Programs that use the old key stop working within five seconds, open streams too.",
  },
  rotateClient: {
    title: "Rotate the node token?",
    text:
      "Nodes that use the old token are disconnected within five seconds, until you put the new one into their config.yaml.",
  },
  callTitle: "Call a model",
  callText: "Copying puts your real key in.",
  model: "Model",
  language: "Language",
  noModel:
    "No model is online right now, so the examples name a placeholder. They fill in by themselves once one is.",
  shareTitle: "Share a machine",
  shareText:
    "Save this as config.yaml beside the client, then start it. Copying puts your token in.",
  shareRun: "Start the client",
  upstream: "What it serves",
} as const;
