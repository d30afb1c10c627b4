/** The page for unknown paths, in simplified Chinese. */

import type { Messages } from "../en.ts";

export const notFound: Messages["notFound"] = {
  title: "这里什么也没有",
  text: "地址可能有误，或者页面已经移走。",
  action: "回到首页",
};
