/** What every page says, in English. */

import { count, wait } from "./words.ts";

export const common = {
  languageSwitch: { label: "中文", lang: "zh-CN" },
  skipToContent: "Skip to content",
  loading: "Loading…",
  tryAgain: "Try again",
  cancel: "Cancel",
  close: "Close",
  table: "Table",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Select the text and press Ctrl+C",
  show: "Show",
  hide: "Hide",
  online: (nodes: number, models: number) =>
    `${count(nodes, "node", "nodes")} online, ${count(models, "model", "models")}`,
  retryAfter: (failure: string, seconds: number) => `${failure} Try again in ${wait(seconds)}.`,
  lost: (age: string) => `Connection to the gateway lost. What you see is from ${age}; retrying.`,
  pageBroke: "This page broke. Reload it; if it happens again, tell whoever runs this gateway.",
} as const;
