/** The texts of the page of one node. */

import type { Filled } from "../../i18n/en.ts";
import { node as en } from "../../i18n/en/node.ts";
import { node as zh } from "../../i18n/zh/node.ts";
import { pageTexts } from "../../state/page_texts.ts";

export const texts = pageTexts<Filled<typeof en>>({ en, "zh-CN": zh });
