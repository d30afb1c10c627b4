/** The texts of the administrators' overview. */

import type { Filled } from "../../i18n/en.ts";
import { overview as en } from "../../i18n/en/overview.ts";
import { overview as zh } from "../../i18n/zh/overview.ts";
import { pageTexts } from "../../state/page_texts.ts";

export const texts = pageTexts<Filled<typeof en>>({ en, "zh-CN": zh });
