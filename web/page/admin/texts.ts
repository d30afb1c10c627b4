/** The texts of the administration. */

import type { Filled } from "../../i18n/en.ts";
import { admin as en } from "../../i18n/en/admin.ts";
import { admin as zh } from "../../i18n/zh/admin.ts";
import { pageTexts } from "../../state/page_texts.ts";

export const texts = pageTexts<Filled<typeof en>>({ en, "zh-CN": zh });
