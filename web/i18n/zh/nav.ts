/** The navbar and its menus, in simplified Chinese. */

import type { Messages } from "../en.ts";

export const nav: Messages["nav"] = {
  label: "主导航",
  menu: "菜单",
  home: "首页",
  pages: {
    dashboard: "仪表盘",
    nodes: "节点",
    models: "模型",
    playground: "试验场",
    keys: "密钥",
    budgets: "额度",
    calls: "调用记录",
    settings: "设置",
    admin: "管理",
  },
  manual: "使用手册",
  search: "搜索",
  account: "你的账号",
  roles: { user: "用户", admin: "管理员" },
  signIn: "登录",
  signOut: "退出登录",
  register: "注册",
  theme: { system: "主题：跟随系统", light: "主题：浅色", dark: "主题：深色" },
};
