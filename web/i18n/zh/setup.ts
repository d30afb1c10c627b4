/** The setup of a new gateway, in simplified Chinese. */

import type { Messages } from "../en.ts";

export const setup: Messages["setup"] = {
  title: "设置此网关",
  lead: "创建第一位管理员，负责邀请用户、审批节点和设置限额。",
  action: "创建管理员",
  registration: "注册方式",
  changeLater: (mode) => `${mode}以后可以修改。`,
  newLink: "链接已过期？",
  wayIn: "请打开网关启动时在终端里显示的链接，或在它运行的机器上重新生成：",
  container: "在容器中：",
  terminal: "终端",
  done: "此网关已完成初始化，请以管理员身份登录。",
  notice: "此网关尚未设置管理员。",
  noticeAction: "开始设置",
};
