/** The dashboard, in simplified Chinese. */

import type { Messages } from "../en.ts";

export const dashboard: Messages["dashboard"] = {
  title: "控制台",
  memberSince: (day) => `注册于 ${day}`,
  totals: "总计",
  callsMade: "发起的调用",
  callsMadeHint: "使用你的 API 密钥",
  callsProvided: "提供的调用",
  callsProvidedHint: "由你的节点完成",
  tokensTitle: "令牌",
  apiToken: "API 密钥",
  apiTokenHint: "用来调用模型，在任意 OpenAI SDK 中作为密钥使用。",
  clientToken: "节点令牌",
  clientTokenHint: "用来接入机器，写在 config.yaml 里。",
  rotate: "更换",
  rotated: "新令牌已生效，旧令牌已失效。",
  unreadable: "网关的密钥已更换，此令牌不再有效。请点“更换”获取新的令牌。",
  rotateApi: {
    title: "更换 API 密钥？",
    text: "使用旧密钥的程序会在五秒内停止工作，正在进行的流式回答也会中断。",
  },
  rotateClient: {
    title: "更换节点令牌？",
    text: "使用旧令牌的节点会在五秒内断开，直到你把新令牌写入它们的 config.yaml。",
  },
  callTitle: "调用模型",
  callText: "复制时会填入你的真实密钥。",
  model: "模型",
  language: "语言",
  noModel: "目前没有模型在线，示例中使用占位名称；一旦有模型上线会自动填入。",
  shareTitle: "共享一台机器",
  shareText: "将以下内容保存为客户端旁的 config.yaml，然后启动它。复制时会填入你的令牌。",
  shareRun: "启动客户端",
  upstream: "提供的服务",
};
