/** The texts of the page on which a machine's request to join is decided. */

import type { Filled } from "../../i18n/en.ts";
import { join as en } from "../../i18n/en/join.ts";
import { join as zh } from "../../i18n/zh/join.ts";
import { pageTexts } from "../../state/page_texts.ts";

export const texts = pageTexts<Filled<typeof en>>({ en, "zh-CN": zh });
