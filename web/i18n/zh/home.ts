/** The first page, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number } from "./words.ts";

export const home: Messages["home"] = {
  title: "首页",
  headline: "汇聚众人的模型，一个地址调用。",
  lead: "各台机器主动连到这个网关并共享模型，你的程序用一个兼容 OpenAI 的 API 就能调用全部。",
  seeNodes: "查看节点",
  nobodyOnline: "目前没有节点在线",
  cutOff: "与部分网关失去联系，显示的节点信息可能已过时",
  joinTitle: "如何加入",
  steps: [
    {
      title: "注册账号",
      text: "你会得到一个 API 密钥（调用模型用）和一个节点令牌（接入机器用）。",
    },
    {
      title: "调用模型",
      text: "把这个地址和你的密钥交给任意 OpenAI SDK，程序的其他部分无需改动。",
    },
    {
      title: "共享机器",
      text:
        "在装有 Ollama、vLLM 或持有模型 API 密钥的机器上运行节点程序。它主动连出，无需公网 IP 和端口映射，密钥不会离开本机。",
    },
  ],
  picture: (nodes) => `你的程序调用网关，网关调用 ${number.format(nodes)} 个节点`,
  pictureYou: "你的程序",
  pictureGateway: "Co-Link",
  overview: "概览",
  welcome: "欢迎",
  checklistTitle: "开始使用",
  dismiss: "以后再说",
  load: (running, waiting) =>
    waiting === 0
      ? `正在处理 ${number.format(running)} 次调用`
      : `正在处理 ${number.format(running)} 次调用，${number.format(waiting)} 次排队中`,
  showChecklist: (open) => `显示开始步骤（还有 ${number.format(open)} 项）`,
  daily: {
    day: "最近 24 小时",
    days: (days) => `最近 ${number.format(days)} 天`,
    more: "更多",
    usedTitle: "你的用量",
    nothingUsed: "还没有调用。",
    tryOne: "去试验场试一次",
    errorsTitle: "最近的错误",
    noErrors: "你的调用都没有失败。",
    nodesTitle: "你的节点",
    noNodes: "你还没有接入机器。",
    givenTitle: "你的机器贡献了",
    nothingGiven: "还没有处理过调用。",
  },
  done: "已完成",
  toDo: "待完成",
  checks: {
    online: {
      title: "接入第一个模型",
      open: "还没有节点接入。添加一个，或等待其他人的节点。",
      action: "添加节点",
    },
    called: {
      title: "完成第一次调用",
      open: "在试验场里点一下就能完成，并附上代码。",
      action: "打开试验场",
    },
    provided: {
      title: "共享一台机器",
      open: "接入一个节点，处理第一次调用。",
      action: "添加节点",
    },
    invited: {
      title: "邀请他人",
      open: "生成邀请链接，打开链接的人即可注册。",
      action: "生成邀请",
    },
    secure: {
      title: "启用 TLS",
      open: "未启用 HTTPS 时，链路上的任何人都能读到密钥、提示词和回答。",
      action: "查看方法",
    },
  },
};
