/** The list of keyboard shortcuts, in simplified Chinese. */

import type { Filled } from "../en.ts";
import type { shortcuts as en } from "../en/shortcuts.ts";

export const shortcuts: Filled<typeof en> = {
  search: "搜索页面、操作、模型与节点",
  filter: "跳到本页的筛选框",
  find: "列表未完整加载时，跳到其筛选框；再按一次使用浏览器的查找",
  help: "显示此列表",
  choose: "上一个或下一个结果",
  enter: "打开所选结果；在试验场发送消息",
  newLine: "在消息中换行",
  escape: "关闭对话框或菜单；在试验场停止生成",
};
