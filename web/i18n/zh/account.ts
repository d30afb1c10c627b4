/** Registration and sign-in, in simplified Chinese. */

import type { Messages } from "../en.ts";
import { number } from "./words.ts";

export const account: Messages["account"] = {
  registerTitle: "注册账号",
  registerLead: "只需邮箱和密码，注册后即可调用模型。",
  registerAction: "注册",
  haveAccount: "已有账号？",
  loginTitle: "登录",
  loginAction: "登录",
  providerAction: (name) => `使用 ${name} 登录`,
  providerLink: (name) => `关联 ${name}`,
  noAccount: "还没有账号？",
  sessionEnded: "登录已过期，请重新登录，之后会回到原页面。",
  email: "邮箱",
  password: "密码",
  passwordHint: "至少 8 位；用一句话作密码，比一串乱码更好记。",
  showPassword: "显示密码",
  invite: "邀请码",
  inviteHint: "此网关仅对受邀者开放。",
  closedTitle: "注册已关闭。",
  closedText: "请联系管理员开通账号。",
  resetTitle: "设置新密码",
  resetLead: "设置后，该账号会在所有设备上退出登录；密钥不受影响。",
  resetAction: "设置密码",
  resetDone: (email) => `${email} 的新密码已生效。`,
  resetWithoutCode: "请打开管理员发来的完整链接：当前地址缺少末尾部分。",
  problems: {
    emailMissing: "请输入邮箱地址。",
    emailWrong: "邮箱格式不正确。",
    passwordMissing: "请输入密码。",
    passwordShort: "密码太短，至少 8 位。",
    passwordLong: (bytes) => `太长：共 ${number.format(bytes)} 字节，最多 72 字节。`,
    inviteMissing: "请输入你收到的邀请码。",
  },
};
