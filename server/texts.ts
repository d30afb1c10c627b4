/** The texts of the gateway's command line in Chinese. Log lines stay English. */

import { textsOf } from "../text/mod.ts";

export const chinese: Readonly<Record<string, string>> = {
  "valid": "有效",
  "SQLite in {0}": "SQLite（{0}）",
  "The account's e-mail": "账号的邮箱",
  "The group's name": "分组名称",
  "1 is an account alone; 0.01 to 1000": "1 相当于单独一个账号；0.01 到 1000",
  "As in tokens_per_day=2000000,calls_at_once=2; none: no budget":
    "例如 tokens_per_day=2000000,calls_at_once=2；none：不设额度",
  "Create an administrator; the password is read from standard input":
    "创建管理员；密码从标准输入读取",
  "{0} is an administrator: sign in at the console{1}": "{0} 已是管理员，请在控制台登录{1}",
  "Print a link that creates the first administrator in the browser":
    "输出在浏览器中创建第一位管理员的链接",
  "This gateway has been set up already: its administrators sign in":
    "此网关已完成初始化，请以管理员身份登录",
  "Create an invite link, for one account": "创建邀请链接，供一个账号注册",
  "How long the link is valid": "链接的有效天数",
  "--days={0}: expected a number above 0": "--days={0}：应为大于 0 的数",
  "Set an account's password, read from standard input": "设置账号的密码，从标准输入读取",
  "{0} has a new password{1}": "{0} 的密码已更新{1}",
  "; passwords are off (COLINK_OIDC_ONLY): to sign in with it, start a gateway with COLINK_OIDC_ONLY=off":
    "；密码登录已关闭（COLINK_OIDC_ONLY）：要用密码登录，请以 COLINK_OIDC_ONLY=off 启动网关",
  "Cut the link between an account and its person at the sign-in provider":
    "解除账号与登录服务中身份的关联",
  "{0} is not linked": "{0} 没有关联",
  "{0} is no longer linked; whoever has the address may be linked again":
    "{0} 已解除关联；拥有该邮箱的人可以重新关联",
  "Create a link that sets a new password for an account": "创建为账号设置新密码的链接",
  "How long it is valid": "有效小时数",
  "--hours={0}: expected a number above 0, at most 168": "--hours={0}：应为大于 0、不超过 168 的数",
  "End all of an account's sessions; its keys stay": "让账号在所有设备上退出登录；密钥保留",
  "{0} is signed out everywhere; sessions ended: {1}":
    "{0} 已在所有设备上退出登录：共 {1} 个登录会话",
  "Delete an account permanently; its calls stay on record": "永久删除账号；调用记录保留",
  "Confirms the deletion, which cannot be undone": "确认删除，无法撤销",
  "--yes: is needed to delete {0}, with its keys and nodes":
    "--yes：删除 {0} 及其密钥和节点时必须加上",
  "{0} is deleted: its keys, sessions and nodes end within seconds everywhere":
    "{0} 已删除：其密钥、登录会话和节点几秒内全部失效",
  "Set what an account may do with all its API keys": "设置账号的全部 API 密钥可以做什么",
  "Calls per minute; 0 blocks; default: the gateway's":
    "每分钟调用次数；0 表示禁止；default：使用网关的默认值",
  "Names separated by commas; all: every model": "用逗号分隔的名称；all：所有模型",
  "Its part where calls wait, 0.01 to 1000; default: as its groups say":
    "排队时的权重，0.01 到 1000；default：按所在分组",
  "--rpm, --models, --budget or --weight: one of them is needed":
    "--rpm、--models、--budget、--weight：至少需要一个",
  "{0}: {1}; in force within seconds on every gateway": "{0}：{1}；几秒内在所有网关上生效",
  "name: {0}": "名称：{0}",
  "calls per minute: {0}": "每分钟调用次数：{0}",
  "the default": "默认值",
  "models: {0}": "模型：{0}",
  "all": "全部",
  "weight: {0}": "权重：{0}",
  "as its groups say": "按所在分组",
  "budget: {0}": "额度：{0}",
  "none": "无",
  "members: {0}": "成员：{0}",
  "Disable an account: its keys, calls and nodes end within seconds":
    "停用账号：其密钥、调用和节点几秒内失效",
  '{0} is disabled; "admin reopen" enables it again': "{0} 已停用；“admin reopen”可重新启用",
  "Enable a disabled account again": "重新启用已停用的账号",
  "{0} is enabled again": "{0} 已重新启用",
  "Note: no node has ever offered {0}; check the spelling": "注意：没有节点提供过 {0}，请检查拼写",
  "Print everyone's usage as CSV or JSON lines": "以 CSV 或 JSON Lines 格式输出所有人的用量",
  "What rows are told apart by: day, account, group, key, model":
    "按哪些维度分行：day、account、group、key、model",
  "The first day, as 2026-11-01; default: 30 days ago": "起始日期，如 2026-11-01；默认：30 天前",
  "The last day; default: today": "结束日期；默认：今天",
  "The time zone of the days": "划分日期的时区",
  "csv or jsonl": "csv 或 jsonl",
  "Groups of accounts, which nodes can be lent to": "账号分组，节点可以只借给某个分组",
  "Print all groups": "列出所有分组",
  "There are no groups": "没有分组",
  "Make a group": "创建分组",
  'The group "{0}" is there; "admin group join" adds members':
    "分组“{0}”已创建；用“admin group join”添加成员",
  "Delete a group; its members stay as they are": "删除分组；成员账号不受影响",
  'The group "{0}" is gone': "分组“{0}”已删除",
  "Give a group another name": "给分组改名",
  "The new name": "新名称",
  "Set a member's part of what is scarce": "设置成员在资源紧张时的权重",
  "Set what all members together may use": "设置全体成员合计的限额",
  "Print a group's members": "列出分组的成员",
  "The group has no members": "分组没有成员",
  "Add an account to a group": "把账号加入分组",
  "Remove an account from a group": "把账号移出分组",
  '{0} is now a member of "{1}"': "{0} 现在是分组“{1}”的成员",
  '{0} is no longer a member of "{1}"': "{0} 不再是分组“{1}”的成员",
  '--name={0}: no group has that name; "admin group list" prints all':
    "--name={0}：没有这个分组；“admin group list”列出所有分组",
  "The name": "名称",
  "Let a name lead to models": "让一个名称指向模型",
  "Models separated by commas, or targets with conditions as a JSON list":
    "用逗号分隔的模型，或带条件的 JSON 列表",
  "Remove an alias": "删除别名",
  "{0} is no alias any more": "{0} 不再是别名",
  "List the aliases and what they lead to": "列出别名及其指向",
  "There are no aliases": "没有别名",
  "Names that lead to models": "指向模型的名称",
  "Show or change the settings of a model": "显示或修改模型的设置",
  "The model's name": "模型名称",
  "Shown in the list of models": "显示在模型列表中的说明",
  "yes: lists of models leave it out; or no": "yes：不出现在模型列表中；或 no",
  "Sent where a caller says none; none: no longer": "调用方没有指定时使用的值；none：取消",
  "The same for the longest answer": "最大输出长度的默认值，同上",
  "Groups whose members alone may call it, separated by commas; all: everybody":
    "只有这些组的成员可以调用它，用逗号分隔；all：所有人",
  "Remove all settings of the model": "删除模型的全部设置",
  "{0}: its settings are removed": "{0}：设置已删除",
  "Accounts, from the command line": "在命令行中管理账号",
  "Type the password, then Enter and Ctrl-D:": "请输入密码，然后按回车和 Ctrl-D：",
  "--weight={0}: expected a number from 0.01 to 1000": "--weight={0}：应为 0.01 到 1000 的数",
  "--name={0}: expected 1 to 60 visible characters": "--name={0}：应为 1 到 60 个可见字符",
  '--rpm={0}: expected a whole number, or "default"': "--rpm={0}：应为整数，或“default”",
  '{0}: expected names, or a JSON list such as [{"model":"m"}]':
    '{0}：应为名称，或 JSON 列表，例如 [{"model":"m"}]',
  '--{0}={1}: expected a number, or "none"': "--{0}={1}：应为数字，或“none”",
  '--{0}={1}: expected names separated by commas, or "all"':
    "--{0}={1}：应为用逗号分隔的名称，或 “all”",
  "--{0}={1}: expected yes or no": "--{0}={1}：应为 yes 或 no",
  "Check what the gateway depends on; each line with a cause and a cure":
    "检查网关依赖的各项，逐项给出原因和解决方法",
  "Begin with versions and the names of the settings, to be shown to others; no secrets":
    "先输出版本和设置的名称（不含密钥），便于发给别人查看",
  "server --help lists every setting": "server --help 列出所有设置",
  "settings": "设置",
  "data folder": "数据目录",
  "disk": "磁盘",
  "database": "数据库",
  "gateway": "网关",
  "public address": "公开地址",
  "downloads": "程序下载",
  "version": "版本",
  "{0} cannot be read and written ({1})": "{0} 无法读写（{1}）",
  "give it to the gateway's user, or set COLINK_DATA_DIR to a folder of its own":
    "请把它交给运行网关的用户，或用 COLINK_DATA_DIR 指定专用目录",
  "{0} MiB free": "剩余 {0} MiB",
  "make room at {0}: ended calls wait there while the database is away":
    "请在 {0} 腾出空间：数据库不可用时，已结束的调用暂存在那里",
  "{0}: it is made when the gateway starts for the first time": "{0}：网关首次启动时创建",
  "{0} takes writes": "{0} 可以写入",
  "look at the folder's owner and the disk; a gateway that never started has made no tables yet":
    "请检查目录的所有者和磁盘；从未启动过的网关还没有建表",
  "check DATABASE_URL, that the server runs, and that this machine may connect; a gateway that never started has made no tables yet":
    "请检查 DATABASE_URL、数据库是否运行、本机是否允许连接；从未启动过的网关还没有建表",
  "not set: limits in memory, one gateway": "未设置：限额保存在内存中，只有一个网关",
  "answers and takes writes": "有应答，可以写入",
  "check REDIS_URL, that Redis runs, and its maxmemory; until then each gateway counts for itself":
    "请检查 REDIS_URL、Redis 是否运行及其 maxmemory；在此之前每个网关各自计数",
  "sign-in provider": "登录服务",
  "not set: people sign in with passwords": "未设置：使用密码登录",
  "{0} answers": "{0} 有应答",
  "{0} answers, and lists no offline_access": "{0} 有应答，但没有列出 offline_access",
  "allow that scope there: without it, people and their keys lose access when the provider's session ends":
    "请在登录服务中允许该作用域：否则登录服务的会话结束时，用户及其密钥会失去访问权限",
  "check COLINK_OIDC_ISSUER, which its discovery document must repeat, and that this machine reaches it":
    "请检查 COLINK_OIDC_ISSUER（须与其发现文档中的完全一致）以及本机能否访问它",
  "PORT=0: its port is known only to itself": "PORT=0：只有网关自己知道端口",
  "nothing answers at {0}": "{0} 没有应答",
  "start it: server, or server service install": "启动：server，或 server service install",
  "another program answers at {0}": "{0} 由另一个程序应答",
  "set PORT to a free one": "请把 PORT 设为空闲的端口",
  "ready at {0}": "{0} 已就绪",
  "{0} at {1}": "{1}：{0}",
  "see which check of {0}/readyz is not ok": "请查看 {0}/readyz 中哪一项不是 ok",
  "COLINK_PUBLIC_URL is not set": "没有设置 COLINK_PUBLIC_URL",
  "set it to the address that people use: snippets and links then name it":
    "请设为大家使用的地址，示例和链接会用到它",
  "{0} answers, seen from this machine": "从本机访问 {0} 有应答",
  "{0} {1}, seen from this machine": "从本机访问 {0} {1}",
  "does not answer": "没有应答",
  "answers {0}": "返回 {0}",
  "check its DNS entry, the proxy before the gateway and the firewall; some routers do not let a machine reach its own public address: try from outside":
    "请检查 DNS 记录、网关前面的代理和防火墙；有些路由器不允许从内部访问自己的公网地址，请从外部尝试",
  "the gateway speaks HTTPS by itself": "网关自身提供 HTTPS",
  "the public address is encrypted": "公开地址已加密",
  "listens on this machine only": "只在本机监听",
  "others reach this gateway without encryption: keys, prompts and answers can be read on the way":
    "他人未加密地访问此网关：链路上的任何人都能读到密钥、提示词和回答",
  "server --domain NAME serves HTTPS by itself; docs/deployment.md has proxies":
    "server --domain NAME 可自行提供 HTTPS；使用代理见 docs/deployment.md",
  "{0} has a release for new machines": "{0} 中有供新机器下载的程序",
  'no node programs in {0}: the command of "Add a node" finds nothing to install':
    "{0} 中没有节点程序：“添加节点”的命令将无法安装",
  "copy a release there, made by: bun run release": "请把 bun run release 生成的发布文件复制到那里",
  "Keep the gateway running over logouts and reboots": "让网关在退出登录和重启后继续运行",
  "For the whole machine, started at boot, under a user of its own; needs root":
    "为整台机器安装，开机启动，使用单独的用户；需要 root",
  "Takes its settings from {0}": "设置读取自 {0}",
  "Wrote {0}: the settings of this environment; change them there":
    "已写入 {0}：当前环境变量中的设置；以后请在那里修改",
  "Run the gateway (the default)": "运行网关（默认）",
  "Number of worker processes sharing the port; needs REDIS_URL and DATABASE_URL":
    "共用端口的工作进程数；需要 REDIS_URL 和 DATABASE_URL",
  "Serve HTTPS under this name, with a certificate by ACME (COLINK_DOMAIN); needs the ports 80 and 443":
    "以该域名提供 HTTPS，用 ACME 申请证书（COLINK_DOMAIN）；需要 80 和 443 端口",
  "Co-Link gateway: one OpenAI-compatible API in front of your nodes":
    "Co-Link 网关：用一个兼容 OpenAI 的 API 汇聚你的各个节点",
  "{0}\n\n--version shows the version, --licenses the licences of all that is inside.\n\nSETTINGS, by environment: name, default, unit, meaning\n\n{1}\n":
    "{0}\n\n--version 显示版本，--licenses 显示所含组件的许可证。\n\n设置（环境变量）：名称、默认值、单位、含义；中文说明见手册的“配置”一页\n\n{1}\n",
  '"{0}": no such command or flag; --help lists all': "“{0}”：没有这个命令或选项；--help 列出全部",
  "Cannot start:": "无法启动：",
  "{0} --help lists all": "{0} --help 列出全部",
  "Cannot listen: {0}": "无法监听：{0}",
  "{0}; set PORT, COLINK_HOST": "{0}；请设置 PORT、COLINK_HOST",
  "the port is taken; set PORT to another one, or 0 for a free one":
    "端口已被占用；请把 PORT 设为其他端口，或设为 0 使用空闲端口",
  "this port needs more rights; set PORT (and COLINK_HTTP_PORT) above 1023, or allow it: setcap cap_net_bind_service=+ep on the program, or AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit":
    "该端口需要更高权限；请把 PORT（和 COLINK_HTTP_PORT）设为大于 1023，或授予权限：对程序执行 setcap cap_net_bind_service=+ep，或在其单元中设置 AmbientCapabilities=CAP_NET_BIND_SERVICE",
  "this machine has no such address; set COLINK_HOST to one that it has":
    "本机没有该地址；请把 COLINK_HOST 设为本机的地址",
  "that is no address; set COLINK_HOST to one of this machine's":
    "这不是有效的地址；请把 COLINK_HOST 设为本机的地址",
  "Console": "控制台",
  "Nodes": "节点",
  "Open the console to create an account and copy its API key and node token.":
    "打开控制台创建账号，并复制其中的 API 密钥和节点令牌。",
  "Ctrl-C stops gracefully; twice stops at once.": "按 Ctrl-C 停止网关；再按一次立即停止。",
  "Open this link within 30 minutes to become the administrator. It works once.":
    "请在 30 分钟内打开此链接，成为管理员。链接只能使用一次。",
  "Open one of these links within 30 minutes to become the administrator. It works once.":
    "请在 30 分钟内打开其中一个链接，成为管理员。链接只能使用一次。",
};

export const t = textsOf(chinese);
