/** The settings' page, in simplified Chinese. */

import type { Messages } from "../en.ts";

export const settings: Messages["settings"] = {
  title: "设置",
  look: "语言与外观",
  language: "语言",
  theme: "主题",
  themes: { system: "跟随系统", light: "浅色", dark: "深色" },
  password: "密码",
  passwordText: "修改后，其他地方的登录都会结束。",
  currentPassword: "当前密码",
  newPassword: "新密码",
  changePassword: "修改密码",
  passwordChanged: "密码已修改，其他会话均已结束。",
  sessions: "会话",
  sessionsText: "你在哪些地方登录着。",
  unknownProgram: "未留名称的程序",
  thisOne: "当前",
  seen: (age) => `${age}活动`,
  since: (moment) => `自 ${moment}`,
  end: "退出",
  endOf: (name) => `退出：${name}`,
  endOthers: "退出其他所有会话",
};
