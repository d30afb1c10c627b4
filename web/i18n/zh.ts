/** Every text of the console, in simplified Chinese. */

import type { Messages } from "./en.ts";
import { account } from "./zh/account.ts";
import { budgets } from "./zh/budgets.ts";
import { common } from "./zh/common.ts";
import { dashboard } from "./zh/dashboard.ts";
import { errors } from "./zh/errors.ts";
import { home } from "./zh/home.ts";
import { models } from "./zh/models.ts";
import { keys } from "./zh/keys.ts";
import { calls } from "./zh/calls.ts";
import { setup } from "./zh/setup.ts";
import { nav } from "./zh/nav.ts";
import { nodes } from "./zh/nodes.ts";
import { notFound } from "./zh/not_found.ts";
import { palette } from "./zh/palette.ts";
import { playground } from "./zh/playground.ts";

export const zh: Messages = {
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
};
