/** The settings page, in simplified Chinese. */

import type { Filled } from "../en.ts";
import type { settings as english } from "../en/settings.ts";

export const settings: Filled<typeof english> = {
  title: "设置",
  look: "语言与外观",
  language: "语言",
  theme: "主题",
  themes: { system: "跟随系统", light: "浅色", dark: "深色" },
  freshSignIn: "此账号没有密码。若被拒绝，请退出后重新登录，并在五分钟内操作。",
  providerTitle: "登录服务",
  providerText: "关联后可从那里登录，现有密钥保持不变。",
  zone: "时区",
  zoneHint: "时间按此时区显示，用量按此时区的零点划分每一天。",
  browserZone: (zone) => `跟随浏览器（${zone}）`,
  password: "密码",
  passwordText: "修改后，其他设备会退出登录。",
  currentPassword: "当前密码",
  newPassword: "新密码",
  changePassword: "修改密码",
  passwordChanged: "密码已修改，其他设备均已退出登录。",
  email: "邮箱",
  emailText: (email) => `当前登录邮箱：${email}。`,
  newEmail: "新邮箱",
  changeEmail: "更换邮箱",
  emailChanged: (email) => `今后请用 ${email} 登录。`,
  deletion: "删除账号",
  deletionText:
    "你的密钥、登录会话、节点、分组与别名会在所有网关上立即失效；调用记录保留，但不再显示你的名字。账号无法恢复。",
  typeAddress: (email) => `输入 ${email} 以确认`,
  deleteAccount: "永久删除账号",
  sessions: "登录会话",
  sessionsText: "已登录的设备。",
  unknownProgram: "未知程序",
  thisOne: "当前",
  seen: (age) => `${age}活跃`,
  since: (moment) => `自 ${moment}`,
  end: "退出登录",
  endOf: (name) => `退出登录：${name}`,
  endOthers: "退出其他所有设备",
  endAll: "退出所有设备",
};
