/** What nodes say in English phrases, in Chinese. */

import { phrases } from "../../../client/phrases.ts";
import { inChineseOf } from "../../../text/phrases.ts";

export const inChinese = inChineseOf(phrases);
