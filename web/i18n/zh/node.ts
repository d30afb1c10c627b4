/** One node's own page, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number } from "./words.ts";

export const node: Messages["node"] = {
  stateTitle: "状态",
  factsTitle: "信息",
  inFlight: (active, max) => `${number.format(max)} 个并发位中 ${number.format(active)} 个使用中`,
  facts: {
    connected: "接入时间",
    lastSeen: "最后在线",
    firstSeen: "首次接入",
    ownName: "自称",
    agent: "客户端",
  },
  speedTitle: "模型",
  speedHint: "根据最近 24 小时的调用",
  speed: {
    model: "模型",
    calls: "调用",
    errors: "错误",
    p50: "首字时间 p50",
    p95: "p95",
    rate: "速度",
    perSecond: (tokens) => `${tokens} 词元/秒`,
  },
  timelineTitle: "发生过的事",
  nothingHappened: "还没有。",
  earlier: (n) => `更早的 ${number.format(n)} 件事`,
  events: {
    connected: "已接入",
    disconnected: "已断开",
    offer: "更改了提供的模型",
    penalized: "暂停分配",
    recovered: "已恢复",
    paused: "已暂停",
    resumed: "已继续",
    drain: "被要求退出",
    renamed: "已重命名",
    approved: "已批准",
    unapproved: "已撤销批准",
    token_rotated: "已更换令牌",
  },
  pause: "暂停",
  resume: "继续",
  drain: "退出",
  rename: "重命名",
  rotate: "更换令牌",
  drainQuestion: {
    title: "让此节点退出？",
    text: "它会完成进行中的调用，不再接受新的调用，直到重新启动客户端。",
  },
  rotateQuestion: {
    title: "更换此节点的令牌？",
    text:
      "它所使用的令牌会被替换：使用该令牌的节点会在五秒内断开，直到你把新令牌写入它们的 config.yaml。",
  },
  name: "名称",
  nameHint: "留空则使用节点自己的名称。",
  newToken: "新的节点令牌",
  newTokenText: "只显示这一次。请将它写入节点的 config.yaml，作为 client_token。",
  saved: "我已保存",
  missingTitle: "没有这个节点",
  missingText: "它可能已离开，或者地址有误。",
  missingAction: "查看全部节点",
};
