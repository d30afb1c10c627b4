/** Texts that several pages share, in English. */

import type { FieldFault } from "../../../api/mod.ts";
import { count, number, wait } from "./words.ts";

/** `limit` and `names` as in the problem; the compiler asks for a missing text. */
type FaultTexts = Record<FieldFault, string | ((limit: number, names: string) => string)>;

export const common = {
  languageSwitch: { label: "中文", lang: "zh-CN" },
  skipToContent: "Skip to content",
  loading: "Loading…",
  tryAgain: "Try again",
  cancel: "Cancel",
  close: "Close",
  table: "Table",
  /** Header of the column of buttons. */
  tools: "Actions",
  save: "Save",
  licenses: "Licences",
  programmingLanguage: "Language",
  clients: { label: "Client", libraries: "Code and libraries", programs: "Programs" },
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Copying failed: select the text and copy it",
  errorDetails: "Error details (for your administrator)",
  show: "Show",
  /** Between the items of a list. */
  separator: ", ",
  hide: "Hide",
  online: (nodes: number, models: number) =>
    `${count(nodes, "node", "nodes")} online, ${count(models, "model", "models")}`,
  /** Of a field that picks by name: what was typed matches `n` names, not one. */
  pick: (typed: string, n: number) =>
    n === 0
      ? `Nothing matches “${typed}”. Type a part of a name, or choose from the list.`
      : `“${typed}” matches ${number.format(n)} names. Type more, or choose from the list.`,
  /** Problems of a form field, by the gateway’s code. */
  fieldFaults: {
    required: "Fill this in.",
    too_short: (limit: number) => `Too short: at least ${number.format(limit)} characters.`,
    too_long: (limit: number) => `Too long: at most ${number.format(limit)} characters.`,
    too_small: (limit: number) => `Too small: at least ${number.format(limit)}.`,
    too_big: (limit: number) => `Too large: at most ${number.format(limit)}.`,
    wrong_type: "Wrong type of value.",
    wrong_format: "Invalid format.",
    not_allowed: "Not an allowed value.",
    unknown_field: "The gateway does not know this field.",
    name_taken: "This name is taken: choose another one.",
    unknown_group: (_: number, names: string) => `There is no group ${names}.`,
    unknown_account: (_: number, names: string) => `There is no account ${names}.`,
    only_stars: "Add a character besides the star, as in claude-*.",
    alias_loop: (_: number, way: string) => `It leads back to itself: ${way}`,
    alias_too_long: (limit: number, way: string) =>
      `Its chain is longer than ${count(limit, "alias", "aliases")}: ${way}`,
    alias_too_many_models: (limit: number) =>
      `It leads to more than ${count(limit, "model", "models")}.`,
    own_rights: "You cannot take your own rights away: ask another administrator.",
    own_account: "Delete your own account on the settings page, with your password.",
    last_administrator: "Make another account an administrator first.",
    set_by_provider: "Your sign-in provider decides this: change it there.",
    node_connected: "The node is connected: stop its program first, or rotate its token.",
    account_token: "The account’s own key cannot be revoked: rotate it instead.",
    time_range: (days: number) => `Choose a time within the next ${count(days, "day", "days")}.`,
    wrong_order: "The beginning must be before the end.",
    too_many_days: (days: number) => `Choose at most ${count(days, "day", "days")}.`,
  } satisfies FaultTexts,
  duration: {
    ms: (n: number) => `${number.format(n)} ms`,
    s: (n: number) => `${number.format(n)} s`,
    min: (n: number) => `${number.format(n)} min`,
  },
  retryAfter: (failure: string, seconds: number) =>
    `${failure.replace(/ Try again in a (moment|minute)\.$/, "")} Try again in ${wait(seconds)}.`,
  lost: (age: string) => `Connection to the gateway lost. What you see is from ${age}; retrying.`,
  otherVersion: "This page cannot be loaded: the gateway was updated, or cannot be reached.",
  rowsInView: (rows: number) =>
    `${
      number.format(rows)
    } rows, of which only those in view are on the page: press Ctrl F (⌘ F) to search all of them.`,
  /** `total`: null where it is not known. */
  loadedRows: (rows: number, total: string | null) =>
    `${
      total === null ? count(rows, "row", "rows") : `${number.format(rows)} of ${total} rows`
    } loaded: press Ctrl F (⌘ F) to search for others.`,
  reload: "Reload",
  pageBroke:
    "Something went wrong on this page. Reload it; if it happens again, tell your administrator.",
} as const;
