/** The command palette and the keyboard shortcuts, in simplified Chinese. */

import type { Messages } from "../en.ts";

export const palette: Messages["palette"] = {
  findCall: (id) => `查看调用 ${id}`,
  title: "搜索页面、操作、模型与节点",
  placeholder: "搜索页面、操作、模型或节点",
  none: "没有匹配的结果，换个关键词试试。",
  groups: { pages: "页面", actions: "操作", models: "模型", nodes: "节点" },
  language: "语言：English",
  theme: { system: "主题：跟随系统", light: "主题：浅色", dark: "主题：深色" },
  help: "键盘快捷键",
};
