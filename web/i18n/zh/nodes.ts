/** The nodes’ pages, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number, wait } from "./words.ts";

export const nodes: Messages["nodes"] = {
  title: "节点",
  lead: "当前已接入的机器。",
  summary: (busy, slots) => `${number.format(slots)} 个并发位中 ${number.format(busy)} 个使用中`,
  slots: (active, max) => `${number.format(active)} / ${number.format(max)}`,
  slotsLabel: "进行中的调用",
  models: "模型",
  noModels: "未提供模型",
  more: (n) => `另外 ${number.format(n)} 个`,
  fewer: "收起",
  connected: (age) => `${age}接入`,
  states: {
    ready: "就绪",
    busy: "繁忙",
    probing: "试用中",
    penalized: "暂停分配",
    draining: "正在退出",
    paused: "已暂停",
    unapproved: "等待批准",
  },
  causes: {
    ready: "可以接受调用。",
    busy: "并发位已满，新的调用会转到其他节点或排队。",
    probing: "",
    penalized: "",
    draining: "完成进行中的调用，不再接受新的调用。",
    paused: "所有者已将其暂停：恢复之前不会分配调用。",
    unapproved: "管理员批准之前不会分配调用。",
  },
  away: (why, seconds) => `${why}${wait(seconds)}后恢复分配。`,
  tried: (why) => `${why}暂停已结束：每次只分配一个调用，直到有一次成功。`,
  ofModel: (model, text) => `${model}：${text}`,
  unknownReason: "一次调用在此节点上失败。",
  fullStop: "。",
  emptyTitle: "没有已接入的节点",
  emptyText:
    "在装有 Ollama、vLLM、其他模型服务或持有供应商密钥的机器上运行客户端，几秒内就会出现在这里。",
  emptySignedIn: "获取 config.yaml",
  emptySignedOut: "注册账号以添加节点",
  add: "添加节点",
};
