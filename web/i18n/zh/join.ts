/** The page on which a machine’s request to join is approved, in simplified Chinese. */

import type { Filled } from "../en.ts";
import type { join as english } from "../en/join.ts";

export const join: Filled<typeof english> = {
  title: "批准机器接入",
  lead: "机器的终端会显示一个代码；在这里批准后，它就成为你的节点。",
  code: "代码",
  codeHint: "与终端显示的一致，例如 7KQ4-M2XP。",
  next: "继续",
  machine: "机器",
  address: "网络地址",
  asked: "请求时间",
  account: "接入账号",
  warning:
    "请仅在该代码显示于你面前的终端时批准：批准后，这台机器可以用你的名义接入节点，直到你吊销它的密钥。",
  approve: "批准",
  deny: "拒绝",
  approved: (machine) => `已批准 ${machine}，它会在几秒内自动继续。`,
  denied: (machine) => `已拒绝 ${machine}，它不会得到令牌。`,
};
