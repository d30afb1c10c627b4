/** Texts that several pages share, in simplified Chinese. */

import type { Common } from "../en.ts";
import { number, wait } from "./words.ts";

export const common: Common = {
  languageSwitch: { label: "English", lang: "en" },
  skipToContent: "跳到正文",
  loading: "正在加载…",
  tryAgain: "重试",
  cancel: "取消",
  close: "关闭",
  table: "表格",
  tools: "操作",
  save: "保存",
  licenses: "许可证",
  programmingLanguage: "语言",
  clients: { label: "客户端", libraries: "代码与开发库", programs: "程序" },
  copy: "复制",
  copied: "已复制",
  copyFailed: "复制失败，请手动选中文本复制",
  errorDetails: "错误详情（可发给管理员）",
  show: "显示",
  separator: "、",
  hide: "隐藏",
  online: (nodes, models) =>
    `${number.format(nodes)} 个节点在线，${number.format(models)} 个模型可用`,
  pick: (typed, n) =>
    n === 0
      ? `没有与“${typed}”匹配的项。请输入名称的一部分，或从列表中选择。`
      : `“${typed}”匹配 ${number.format(n)} 项。请输入更多内容，或从列表中选择。`,
  fieldFaults: {
    required: "请填写此项。",
    too_short: (limit) => `太短：至少 ${number.format(limit)} 个字符。`,
    too_long: (limit) => `太长：最多 ${number.format(limit)} 个字符。`,
    too_small: (limit) => `太小：至少为 ${number.format(limit)}。`,
    too_big: (limit) => `太大：最多为 ${number.format(limit)}。`,
    wrong_type: "类型不正确。",
    wrong_format: "格式不正确。",
    not_allowed: "不支持该选项。",
    unknown_field: "无法识别的字段。",
  },
  duration: {
    ms: (n) => `${number.format(n)} 毫秒`,
    s: (n) => `${number.format(n)} 秒`,
    min: (n) => `${number.format(n)} 分钟`,
  },
  retryAfter: (failure, seconds) =>
    `${failure.replace(/，请稍后重试。$/, "。")}请在 ${wait(seconds)}后重试。`,
  lost: (age) => `与网关的连接已中断，当前显示的是${age}的数据，正在重试。`,
  otherVersion: "无法加载此页：网关已更新，或暂时无法连接。",
  reload: "重新加载",
  pageBroke: "页面出错了，请刷新；如再次出现，请联系管理员。",
};
