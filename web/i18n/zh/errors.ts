/** Failures, by the gateway’s code. A code that is not here is shown in the gateway’s own words, in simplified Chinese. */

import type { Messages } from "../en.ts";

export const errors: Messages["errors"] = {
  unreachable: "无法连接网关，请检查网络后重试。",
  unknown: "无法理解网关的回应，请稍后重试。",
  internal_error: "网关内部出错，请稍后重试。",
  store_unavailable: "网关无法连接数据库，请稍后重试。",
  shutting_down: "网关正在重启，请稍后重试。",
  email_taken: "该邮箱已注册，请直接登录。",
  weak_password: "请选择 8 到 72 字节的密码。",
  invalid_credentials: "邮箱或密码错误。",
  login_throttled: "尝试次数过多。",
  rate_limit_exceeded: "请求过于频繁。",
  registration_closed: "此网关已关闭注册。",
  invite_required: "邀请码无效，请索取新的邀请码。",
  origin_refused: "网关拒绝了此页面的地址，请用平常的地址打开控制台。",
};
