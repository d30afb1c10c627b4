/** Every text of the console, in English: the shape that other languages must fill. */

import { account } from "./en/account.ts";
import { budgets } from "./en/budgets.ts";
import { common } from "./en/common.ts";
import { dashboard } from "./en/dashboard.ts";
import { errors } from "./en/errors.ts";
import { home } from "./en/home.ts";
import { models } from "./en/models.ts";
import { keys } from "./en/keys.ts";
import { calls } from "./en/calls.ts";
import { setup } from "./en/setup.ts";
import { nav } from "./en/nav.ts";
import { nodes } from "./en/nodes.ts";
import { notFound } from "./en/not_found.ts";
import { palette } from "./en/palette.ts";
import { playground } from "./en/playground.ts";

export const en = {
  ...common,
  nav,
  palette,
  home,
  account,
  setup,
  dashboard,
  nodes,
  models,
  playground,
  keys,
  budgets,
  calls,
  notFound,
  errors,
} as const;

/** Of any language: the texts and the functions that make them. */
export type Filled<T> = T extends string ? string
  : T extends (...values: infer V) => string ? (...values: V) => string
  : { readonly [K in keyof T]: Filled<T[K]> };

/** The texts that every language must have. A missing one fails the type check. */
export type Messages = Filled<typeof en>;

/** The texts at the top level. */
export type Common = Filled<typeof common>;
