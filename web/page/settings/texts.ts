/** The texts of the settings page. */

import type { Filled } from "../../i18n/en.ts";
import { settings as en } from "../../i18n/en/settings.ts";
import { settings as zh } from "../../i18n/zh/settings.ts";
import { pageTexts } from "../../state/page_texts.ts";

export const texts = pageTexts<Filled<typeof en>>({ en, "zh-CN": zh });
