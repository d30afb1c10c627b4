/** What every page says, in English. */

import { count, number, wait } from "./words.ts";

export const common = {
  languageSwitch: { label: "中文", lang: "zh-CN" },
  skipToContent: "Skip to content",
  loading: "Loading…",
  tryAgain: "Try again",
  cancel: "Cancel",
  close: "Close",
  table: "Table",
  /** Above the column of buttons. */
  tools: "Actions",
  save: "Save",
  programmingLanguage: "Language",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Select the text and press Ctrl+C",
  errorDetails: "what happened, for whoever runs this gateway",
  show: "Show",
  hide: "Hide",
  online: (nodes: number, models: number) =>
    `${count(nodes, "node", "nodes")} online, ${count(models, "model", "models")}`,
  /** What is wrong with a field of a form, by the gateway’s code. */
  fieldFaults: {
    required: "Fill this in.",
    too_short: (limit: number) => `Too short: at least ${number.format(limit)} characters.`,
    too_long: (limit: number) => `Too long: at most ${number.format(limit)} characters.`,
    too_small: (limit: number) => `Too small: at least ${number.format(limit)}.`,
    too_big: (limit: number) => `Too large: at most ${number.format(limit)}.`,
    wrong_type: "This is not what belongs here.",
    wrong_format: "This does not look right.",
    not_allowed: "This cannot be chosen.",
    unknown_field: "The gateway does not know this field.",
  },
  duration: {
    ms: (n: number) => `${number.format(n)} ms`,
    s: (n: number) => `${number.format(n)} s`,
    min: (n: number) => `${number.format(n)} min`,
  },
  retryAfter: (failure: string, seconds: number) => `${failure} Try again in ${wait(seconds)}.`,
  lost: (age: string) => `Connection to the gateway lost. What you see is from ${age}; retrying.`,
  pageBroke: "This page broke. Reload it; if it happens again, tell whoever runs this gateway.",
} as const;
