/** What every page says, in simplified Chinese. */

import type { Common } from "../en.ts";
import { number, wait } from "./words.ts";

export const common: Common = {
  languageSwitch: { label: "English", lang: "en" },
  skipToContent: "跳到正文",
  loading: "正在载入…",
  tryAgain: "重试",
  cancel: "取消",
  close: "关闭",
  table: "表格",
  copy: "复制",
  copied: "已复制",
  copyFailed: "请选中文本后按 Ctrl+C",
  show: "显示",
  hide: "隐藏",
  online: (nodes, models) =>
    `${number.format(nodes)} 个节点在线，${number.format(models)} 个模型可用`,
  retryAfter: (failure, seconds) => `${failure}请在 ${wait(seconds)}后重试。`,
  lost: (age) => `与网关的连接已中断，当前显示的是${age}的数据，正在重试。`,
  pageBroke: "页面出错了，请刷新；若再次出现，请告知网关的管理者。",
};
