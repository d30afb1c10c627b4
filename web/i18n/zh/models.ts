/** The models page, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number } from "./words.ts";

export const models: Messages["models"] = {
  title: "模型",
  lead: "当前可用的模型及提供它们的节点。",
  search: "模型名或节点名",
  count: (n) => `${number.format(n)} 个模型`,
  noneShown: "没有符合条件的模型。",
  states: { ready: "就绪", busy: "繁忙", unavailable: "不可用" },
  load: (active, slots) => `${number.format(active)} / ${number.format(slots)}`,
  waiting: (n) => `${number.format(n)} 次调用排队中`,
  abilities: "能力",
  anyAbility: "全部",
  can: {
    chat: "对话",
    embeddings: "嵌入",
    tools: "工具调用",
    vision: "图像理解",
    thinking: "思考",
  },
  first: (time) => `首字延迟 ${time}`,
  lastDay: "最近 24 小时的中位数与平均值",
  context: (tokens) => `上下文 ${tokens}`,
  tools: "工具调用",
  vision: "图像理解",
  thinking: "思考",
  loaded: "已加载",
  notLoaded: "未加载",
  endpoints: {
    "/v1/chat/completions": "对话",
    "/v1/completions": "补全",
    "/v1/embeddings": "嵌入",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "Token 计数",
    "/v1/rerank": "重排",
    "/v1/moderations": "内容审核",
  },
  servers: "提供它的节点",
  try: "试用",
  snippet: "代码",
  call: (model) => `调用 ${model}`,
  callText: "复制时会填入你的真实密钥。",
  emptyTitle: "没有模型在线",
  emptyText: "有节点接入后，模型会显示在这里。",
};
