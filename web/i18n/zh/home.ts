/** The first page, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number } from "./words.ts";

export const home: Messages["home"] = {
  title: "首页",
  headline: "许多人的模型，一个地址。",
  lead: "装有模型的机器主动连接到这个网关，你的程序通过一个兼容 OpenAI 的 API 调用它们全部。",
  nobodyOnline: "目前没有节点在线",
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
  welcome: "欢迎回来",
  checklistTitle: "开始使用",
  checklistDone: "全部完成，网络随你使用。",
  done: "已完成",
  toDo: "待完成",
  checks: {
    online: {
      title: "有模型在线",
      open: "还没有节点接入。共享一台机器，或等待其他人的节点。",
      action: "查看节点",
    },
    called: {
      title: "完成第一次调用",
      open: "从控制台复制现成的命令并运行。",
      action: "获取命令",
    },
    provided: {
      title: "共享一台机器",
      open: "接入一个节点，并用它完成第一次服务。",
      action: "获取配置",
    },
  },
};
