/** The first page, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number } from "./words.ts";

export const home: Messages["home"] = {
  title: "首页",
  headline: "许多人的模型，一个地址。",
  lead: "装有模型的机器主动连接到这个网关，你的程序通过一个兼容 OpenAI 的 API 调用它们全部。",
  seeNodes: "查看节点",
  nobodyOnline: "目前没有节点在线",
  cutOff: "此网关无法联系到所有其他网关，显示的内容可能不是最新的",
  joinTitle: "如何加入",
  steps: [
    { title: "注册账号", text: "你会得到两个令牌：一个用来调用模型，一个用来接入机器。" },
    {
      title: "调用模型",
      text: "把这个地址和你的密钥交给任意 OpenAI SDK，程序的其他部分无需改动。",
    },
    {
      title: "共享机器",
      text:
        "在 Ollama、vLLM 或某个 API 密钥旁边运行客户端。它只向外连接，无需开放端口，上游密钥也不会离开本机。",
    },
  ],
  picture: (nodes) => `你的程序调用网关，网关调用 ${number.format(nodes)} 个节点`,
  pictureYou: "你的程序",
  pictureGateway: "Co-Link",
  welcome: "欢迎",
  checklistTitle: "开始使用",
  dismiss: "以后再说",
  load: (running, waiting) =>
    waiting === 0
      ? `${number.format(running)} 个调用进行中`
      : `${number.format(running)} 个调用进行中，${number.format(waiting)} 个等待`,
  doors: {
    talk: { title: "与模型对话", text: "一个，或两个并排" },
    look: { title: "查看用量", text: "调用、词元、错误、速度" },
    key: { title: "创建密钥", text: "给你的某个程序" },
    share: { title: "共享一台机器", text: "在终端粘贴一次即可" },
  },
  done: "已完成",
  toDo: "待完成",
  checks: {
    online: {
      title: "有模型在线",
      open: "还没有节点接入。添加一个，或等待其他人的节点。",
      action: "添加节点",
    },
    called: {
      title: "完成第一次调用",
      open: "试验场会替你完成，并给出代码。",
      action: "打开试验场",
    },
    provided: {
      title: "共享一台机器",
      open: "接入一个节点，并用它完成第一次服务。",
      action: "添加节点",
    },
    secure: {
      title: "启用 TLS",
      open: "没有它，途中的任何人都能读到令牌、提示词和回答。参见 docs/deployment.md。",
      action: "",
    },
  },
};
