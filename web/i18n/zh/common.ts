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
  /** Above the column of buttons. */
  tools: "操作",
  save: "保存",
  programmingLanguage: "语言",
  copy: "复制",
  copied: "已复制",
  copyFailed: "请选中文本后按 Ctrl+C",
  errorDetails: "错误详情，可发给网关的管理者",
  show: "显示",
  hide: "隐藏",
  online: (nodes, models) =>
    `${number.format(nodes)} 个节点在线，${number.format(models)} 个模型可用`,
  fieldFaults: {
    required: "请填写此项。",
    too_short: (limit) => `太短：至少 ${number.format(limit)} 个字符。`,
    too_long: (limit) => `太长：最多 ${number.format(limit)} 个字符。`,
    too_small: (limit) => `太小：至少为 ${number.format(limit)}。`,
    too_big: (limit) => `太大：最多为 ${number.format(limit)}。`,
    wrong_type: "此处的内容类型不对。",
    wrong_format: "此处的格式不对。",
    not_allowed: "不能选择此项。",
    unknown_field: "网关不认识此项。",
  },
  duration: {
    ms: (n) => `${number.format(n)} 毫秒`,
    s: (n) => `${number.format(n)} 秒`,
    min: (n) => `${number.format(n)} 分钟`,
  },
  retryAfter: (failure, seconds) => `${failure}请在 ${wait(seconds)}后重试。`,
  lost: (age) => `与网关的连接已中断，当前显示的是${age}的数据，正在重试。`,
  pageBroke: "页面出错了，请刷新；若再次出现，请告知网关的管理者。",
};
