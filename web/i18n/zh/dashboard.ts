/** The dashboard, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number } from "./words.ts";

export const dashboard: Messages["dashboard"] = {
  title: "仪表盘",
  memberSince: (day) => `注册于 ${day}`,
  totals: "总计",
  callsMade: "发起的调用",
  callsMadeHint: "使用你的 API 密钥，自注册以来",
  callsProvided: "贡献的调用",
  callsProvidedHint: "由你的节点完成，自注册以来",
  side: "统计范围",
  sides: { made: "我发起的", provided: "我贡献的" },
  range: "时间范围",
  ranges: {
    "15m": "15 分钟",
    "1h": "1 小时",
    "24h": "24 小时",
    "7d": "7 天",
    "30d": "30 天",
    "90d": "90 天",
  },
  trend: "趋势",
  shown: "图表指标",
  figures: {
    calls: "调用次数",
    tokens: "Token",
    speed: "速度",
    errors: "错误",
    firstToken: "首字延迟",
  },
  lines: {
    all: "全部",
    others: "其他",
    prompt: "输入",
    completion: "输出",
    errors: "错误",
    p50: "p50",
    p95: "p95",
  },
  against: "与上一周期相比",
  asides: {
    speed: (perSecond) => `${number.format(perSecond)} Token/秒`,
    tokens: (prompt, completion) =>
      `输入 ${number.format(prompt)}，输出 ${number.format(completion)}`,
    tokensShort: (tokens) => `${tokens} Token`,
    share: (share) => `占全部调用的 ${share}`,
    failed: (share) => `失败率 ${share}`,
    p50: (time) => `p50 ${time}`,
    p95: (time) => `p95 ${time}`,
  },
  export: "导出",
  exportText: {
    own: "每天按密钥和模型统计的调用与 Token，CSV 格式",
    all: "每天按账号、分组和模型统计的调用与 Token，CSV 格式",
  },
  asTable: "表格",
  time: "时间",
  by: { model: "按模型", key: "按密钥", node: "按节点", account: "按账号", group: "按分组" },
  gone: "（已删除）",
  goneAccount: "已删除的账号",
  narrowed: "已筛选",
  widen: (name) => `移除筛选：${name}`,
  nothing: {
    made: {
      title: "还没有调用",
      text: "调用记录会在一秒内显示在这里。可以先在试验场试一次。",
      action: "打开试验场",
    },
    provided: {
      title: "你的节点还没有处理过调用",
      text: "接入一台机器后，它处理的调用会显示在这里。",
      action: "添加节点",
    },
  },
};
