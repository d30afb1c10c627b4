/** The page of one node, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number } from "./words.ts";

export const node: Messages["node"] = {
  stateTitle: "状态",
  factsTitle: "信息",
  inFlight: (active, max) => `并发占用 ${number.format(active)} / ${number.format(max)}`,
  facts: {
    connected: "连接时间",
    lastSeen: "最后在线",
    firstSeen: "首次接入",
    ownName: "上报名称",
    agent: "程序版本",
    skew: (gateway) => `网关版本为 ${gateway}`,
  },
  speedTitle: "模型",
  speedHint: "根据最近 24 小时的调用",
  speed: {
    model: "模型",
    calls: "调用",
    errors: "错误",
    p50: "首字延迟 P50",
    p95: "p95",
    rate: "速度",
    perSecond: (tokens) => `${tokens} Token/秒`,
  },
  timelineTitle: "事件记录",
  nothingHappened: "暂无事件。",
  earlier: (n) => `更早的 ${number.format(n)} 条`,
  events: {
    connected: "已接入",
    disconnected: "已断开",
    offer: "更改了提供的模型",
    penalized: "进入冷却",
    recovered: "冷却结束",
    paused: "已暂停",
    resumed: "已恢复",
    drain: "开始下线",
    renamed: "已重命名",
    approved: "已批准",
    unapproved: "已撤销批准",
    token_rotated: "已更换令牌",
    notice: "节点报告",
  },
  pause: "暂停",
  resume: "恢复",
  drain: "下线",
  rename: "重命名",
  rotate: "更换令牌",
  drainQuestion: {
    title: "让此节点下线？",
    text: "节点会处理完进行中的调用，不再接受新调用，直到重新启动节点程序。",
  },
  rotateQuestion: {
    title: "更换此节点的令牌？",
    text:
      "该节点使用的令牌会被替换：使用此令牌的节点会在五秒内断开，直到你把新令牌写入它们的 config.yaml。",
  },
  name: "名称",
  nameHint: "留空则使用节点自己的名称。",
  newToken: "新的节点令牌",
  newTokenText: "只显示这一次。请将它写入节点的 config.yaml，作为 client_token。",
  missingTitle: "没有这个节点",
  missingText: "节点可能已移除，或者地址有误。",
  missingAction: "查看全部节点",
};
