/** Budgets: what is used, what is left, in simplified Chinese. */

import type { Messages } from "../en.ts";

export const budgets: Messages["budgets"] = {
  title: "额度",
  lead: "已用多少、还剩多少、何时恢复。调用自己的节点不占额度。",
  noneTitle: "没有额度限制",
  noneText: "可以在密钥页给密钥设置额度；账号和分组的额度由管理员设置。",
  budget: "额度",
  ofAccount: "你的账号",
  ofGroup: (name) => `分组 ${name}（全体成员合计）`,
  ofKey: (name) => `密钥 ${name}`,
  names: {
    requests_per_minute: "每分钟调用次数",
    tokens_per_minute: "每分钟 Token 数",
    tokens_per_day: "每天 Token 数",
    tokens_per_month: "每月 Token 数",
    calls_at_once: "同时进行的调用数",
    max_tokens: "单次调用的最大 max_tokens",
  },
  models: "模型",
  usedOf: (used, limit) => `${used} / ${limit}`,
  left: (left) => `剩余 ${left}。`,
  opens: (moment) => `${moment} 恢复。`,
  near: "超过 80 %",
  full: "已用完",
  nearly: (name, whose, percent) => `${whose}：“${name}”已用 ${percent} %。`,
  usedUp: (name, whose) => `${whose}：“${name}”已用完。`,
  keyHint: "只限此密钥，且不超过账号的额度。留空表示不限。天和月按 UTC 计算。",
  userHint: "全部密钥合计。留空表示不限。天和月按 UTC 计算。",
  groupHint: "全体成员合计。留空表示不限。天和月按 UTC 计算。",
};
