/** The texts of services and of a doctor's ladder in Chinese. */

import { textsOf } from "../text/mod.ts";

export const chinese: Readonly<Record<string, string>> = {
  "{0}: {1}": "{0}：{1}",
  "no result within {0} s": "{0} 秒内没有结果",
  "look at what it waits for": "请查看它在等待什么",
  "see the lines above": "见上面各行",
  "Wrote {0}": "已写入 {0}",
  "{0} was edited and stays as it is": "{0} 被修改过，保持不变",
  "{0} runs, and starts {1}": "{0} 已运行，并在{1}启动",
  "at boot": "开机时",
  "when you log in": "登录时",
  "{0} is no service any more": "{0} 不再是服务",
  "Stopped; {0} was edited and stays": "已停止；{0} 被修改过，予以保留",
  "The task {0} exists and stays as it is; to make it anew, uninstall it first":
    "计划任务 {0} 已存在，保持不变；要重新创建，请先卸载",
  "when you log on": "登录时",
  "{0} is no scheduled task any more": "{0} 不再是计划任务",
  "Keep it running: start it now, and again after a failure, a logout and a reboot":
    "保持运行：立即启动，并在失败、退出登录和重启后再次启动",
  "Stop it, and start it no more": "停止，并不再启动",
  "Show what the service manager says of it": "显示服务管理器给出的状态",
  "Follow its log": "持续查看日志",
  "--system is for all users of the machine and needs root: sudo …":
    "--system 面向本机所有用户，需要 root：sudo …",
  "This machine has no service manager that Co-Link knows (systemd, launchd, scheduled tasks): let yours start the program; docs/deployment.md says how":
    "本机没有 Co-Link 认识的服务管理器（systemd、launchd、计划任务）：请用现有的管理器启动程序，方法见 docs/deployment.md",
  "{0} is no service here: {1} service install{2} makes it one":
    "{0} 尚未安装为服务：运行 {1} service install{2} 即可安装",
  "{0} is a service of the whole machine here: add --system, as in sudo {1} service status --system":
    "{0} 在这里是整台机器的服务：请加上 --system，例如 sudo {1} service status --system",
  "{0} is not there": "{0} 不存在",
  "It also runs while you are logged out, and starts at boot.":
    "退出登录后也会继续运行，并在开机时启动。",
  'It ends when you log out. To keep it running: sudo loginctl enable-linger "$USER"':
    '退出登录时会停止。要保持运行：sudo loginctl enable-linger "$USER"',
  "{0} was edited and stays as it is; wrote {1}": "{0} 被修改过，保持不变；已写入 {1}",
  "Cannot make the user {0}: {1}": "无法创建用户 {0}：{1}",
  "no useradd here": "没有 useradd",
  "no systemctl here": "没有 systemctl",
  "This session has no systemd of its own user, as after su or in a container: sign in by ssh or at the machine and try again, or use the machine's: sudo {0} service install --system":
    "当前会话没有自己的用户级 systemd（例如用 su 切换后或在容器里）：请用 ssh 或在本机登录后重试，或使用系统级的：sudo {0} service install --system",
};

export const t = textsOf(chinese);
