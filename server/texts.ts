/** The texts of the gateway's command line in Chinese. Log lines stay English. */

import { textsOf } from "../text/mod.ts";

export const chinese: Readonly<Record<string, string>> = {
  "the domain's CAA record forbids this certificate authority":
    "域名的 CAA 记录不允许该证书颁发机构",
  "ended calls were lost": "部分已结束的调用未能记录",
  "the database refuses some ended calls": "数据库拒绝写入部分已结束的调用",
  "it cannot save to its disk": "无法写入其磁盘",
  "its certificate has expired": "对方的证书已过期",
  "its certificate is for another name": "对方的证书属于另一个域名",
  "its certificate is not valid yet": "对方的证书尚未生效",
  "its certificate is self-signed": "对方使用自签名证书",
  "its certificate is not trusted here": "对方的证书不受信任",
  "the connection was lost": "连接中断",
  "connection refused": "连接被拒绝",
  "its data is damaged": "数据已损坏",
  "reading or writing its disk failed": "磁盘读写出错",
  "the disk is full": "磁盘已满",
  "the domain leads to another server": "域名指向了别的服务器",
  "the domain has no DNS entry": "域名没有 DNS 记录",
  "another program has locked it": "已被其他程序锁定",
  "the host name is not known": "主机名无法解析",
  "no answer in time": "响应超时",
  "there is no database of that name": "没有这个名称的数据库",
  "no such file or folder": "没有这个文件或目录",
  "the tables are missing": "数据表不存在",
  "it does not speak TLS at that port": "该端口没有启用 TLS",
  "it is out of memory": "内存不足",
  "too many queries are waiting": "排队的查询太多",
  "user name or password refused": "用户名或密码被拒绝",
  "permission denied": "权限不足",
  "port 80 cannot be reached from the internet": "无法从互联网访问 80 端口",
  "the certificate authority's rate limit is reached": "已达到证书颁发机构的频率限制",
  "it is read-only": "只读，不接受写入",
  "it is still starting": "仍在启动",
  "it has too many connections": "连接数已满",
  "too many files are open": "打开的文件过多",
  "no network route to it": "网络不可达",
  "{0} ({1})": "{0}（{1}）",
  "{0}: {1}": "{0}：{1}",
  "{0}, {1}": "{0}，{1}",
  "Cannot reach the account database: {0}": "无法连接账号数据库：{0}",
  "valid": "有效",
  "theirs=ours, by comma": "对方=本地，逗号分隔",
  "model=policy, by comma": "模型=策略，逗号分隔",
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
  "{0} is no longer linked; the person with that address may be linked again":
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
  "What rows are distinguished by: day, account, group, key, model":
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
  "{0} is no longer an alias": "{0} 不再是别名",
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
  "{0} --help lists every setting": "{0} --help 列出所有设置",
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
  "{0} takes writes; the sign-in provider no longer makes {1} an administrator, but there is no other":
    "{0} 可以写入；登录服务不再将 {1} 列为管理员，但没有其他管理员",
  "make another account an administrator, or correct the groups at the provider":
    "请另设一位管理员，或在登录服务中修正分组",
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
  "The gateway of this machine is the service {0}: sudo {1} {2}":
    "本机的网关是服务 {0}：请运行 sudo {1} {2}",
  "set this machine's clock, best by NTP: sign-ins, links and certificates are checked by it":
    "请校准本机时钟，最好用 NTP：登录、链接和证书都按它检查",
  "{0}, which is before this program was made": "{0}，早于本程序的构建时间",
  "{0}; there is no other to compare it with": "{0}；没有其他时钟可比较",
  "{0} does not say its time": "{0} 没有给出时间",
  "{0} s from that of {1}": "与 {1} 相差 {0} 秒",
  clock: "时钟",
  "start it: {0}, or {1} service install": "启动：{0}，或 {1} service install",
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
  "{0} --domain NAME serves HTTPS by itself; docs/deployment.md has proxies":
    "{0} --domain NAME 可自行提供 HTTPS；使用代理见 docs/deployment.md",
  "{0} has a release for new machines": "{0} 中有供新机器下载的程序",
  'no node programs in {0}: the command of "Add a node" finds nothing to install':
    "{0} 中没有节点程序：“添加节点”的命令将无法安装",
  "copy bin/downloads there, which this makes: npx bun@1.4.5 run release":
    "请把下面的命令生成的 bin/downloads 复制到那里：npx bun@1.4.5 run release",
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
  "{0}\n\n--version shows the version, --licenses the licences of all that is inside.\n\nSETTINGS, by environment: name, default, unit, meaning; docs/configuration.md says more\n\n{1}\n":
    "{0}\n\n--version 显示版本，--licenses 显示所含组件的许可证。\n\n设置（环境变量）：名称、默认值、单位、含义；详见 docs/configuration.zh.md\n\n{1}\n",
  '"{0}": no such command or flag; --help lists all': "“{0}”：没有这个命令或选项；--help 列出全部",
  "Cannot start:": "无法启动：",
  "{0} --help lists all": "{0} --help 列出全部",
  "What to check: {0} doctor": "需要检查的内容：{0} doctor",
  "Cannot listen: {0}": "无法监听：{0}",
  "Cannot listen on port {0}: {1}": "无法监听端口 {0}：{1}",
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
  " or ": " 或 ",
  "(not shown)": "（不显示）",
  "(unset)": "（未设置）",
  "--budget={0}: {1}; expected name=number of {2}; or none":
    "--budget={0}：{1}；应为“名称=数字”，名称可以是 {2}；或 none",
  "--to: expected postgres://…": "--to：应为 postgres://…",
  "--workers {0}: expected a whole number from 1 to {1}": "--workers {0}：应为 1 到 {1} 的整数",
  "--workers: set PORT to the one that all workers share":
    "--workers：请把 PORT 设为所有工作进程共用的端口",
  "--workers: set REDIS_URL and DATABASE_URL, which make the workers one network":
    "--workers：请设置 REDIS_URL 和 DATABASE_URL，各工作进程通过它们组成一个集群",
  "--{0}={1}: expected a day such as 2026-11-01": "--{0}={1}：应为日期，例如 2026-11-01",
  "Longest duration of a call; X-Stainless-Timeout shortens it":
    "一次调用的最长时间；X-Stainless-Timeout 可缩短",
  "A caller that reads nothing this long loses its call":
    "调用方在这段时间内不读取任何数据，调用即被中止",
  "A caller's connection is closed after this long without traffic or a running call; longer than a load balancer keeps its own":
    "调用方的连接空闲（没有数据和进行中的调用）多久后关闭；应长于负载均衡保持连接的时间",
  "A cancelled call keeps its slot this long unless its node confirms":
    "节点未确认时，已取消的调用继续占用并发名额的时间",
  'A file that "backup" has written': "由 backup 写出的文件",
  "A node at fault gets no calls this long; 0: no penalties": "出错的节点冷却多久；0：不冷却",
  "A node must register within this time": "节点须在这段时间内完成注册",
  "A node that is silent this long is dropped; never less than two pings":
    "节点多久没有消息即断开；不小于两次 ping 的间隔",
  "A response that its caller asked to be stored is kept in memory this long after its end; 0: never":
    "调用方要求保存的响应在结束后于内存中保留多久；0：不保留",
  "A whole answer that takes longer begins with white space":
    "非流式回答超过这段时间时，先发送空白字符",
  "Accounts that one network may try to make": "一个网段每小时可尝试创建的账号数",
  "After SIGTERM, running calls may end within this time":
    "收到 SIGTERM 后，等待进行中的调用结束的时间",
  "An answer to a request with an Idempotency-Key is kept in memory this long after its end; 0: never":
    "带 Idempotency-Key 的请求，其回答在结束后于内存中保留多久；0：不保留",
  "Answers kept in memory for callers who come back; beyond it, the oldest of the account that holds most are dropped":
    "为重新连接的调用方保留在内存中的回答总量；超出时丢弃占用最多的账号中最旧的回答",
  "Answers of one account kept for callers who come back; beyond it, its oldest are dropped":
    "为重新连接的调用方保留的单个账号的回答总量；超出时丢弃其中最旧的",
  "CIDRs, by comma": "CIDR，逗号分隔",
  "Calls that may wait for one account, all models together":
    "一个账号可排队的调用数，所有模型合计",
  "Calls that may wait for one model": "一个模型可排队的调用数",
  "Calls that run": "进行中的调用",
  "Calls that wait": "排队的调用",
  "Cannot back up {0}: there is no such file": "无法备份 {0}：没有这个文件",
  "Cannot back up: the copy is damaged": "无法备份：副本已损坏",
  "Cannot back up: the database has version {0} of the schema, this program {1}; use the gateway's own program":
    "无法备份：数据库的结构版本为 {0}，此程序为 {1}；请使用网关所用的程序",
  "Cannot copy {0}: {1}": "无法复制 {0}：{1}",
  "Cannot copy: table {0} differs from its copy in {1} sums; nothing was changed":
    "无法复制：表 {0} 与副本有 {1} 项校验和不一致；没有做任何改动",
  "Cannot fill the database: its table {0} is not empty; name an empty database":
    "无法写入数据库：表 {0} 不为空；请指定空数据库",
  "Cannot read {0}: it is no backup of a gateway, or damaged":
    "无法读取 {0}：不是网关的备份，或已损坏",
  "Cannot read {0}: there is no such file": "无法读取 {0}：没有这个文件",
  "Cannot restore to {0}: it exists already; stop the gateway and move it away first":
    "无法恢复到 {0}：文件已存在；请先停止网关并移走该文件",
  "Cannot restore: its tokens are sealed under another secret; set JWT_SECRET to that of the gateway that was backed up":
    "无法恢复：其中的密钥用另一个签名密钥加密；请把 JWT_SECRET 设为被备份网关的值",
  "Cannot start: {0}": "无法启动：{0}",
  "Cannot write {0}: make the folder {1} first": "无法写入 {0}：请先创建目录 {1}",
  "Cannot write to the folder {0} ({1}): make sure that it is writable and has room":
    "无法写入目录 {0}（{1}）：请确认该目录可写且有剩余空间",
  "Cannot write {0} ({1})": "无法写入 {0}（{1}）",
  "Cannot write {0}: it exists already; name a new file":
    "无法写入 {0}：文件已存在；请换一个新的文件名",
  "Comment sent into silent streams this often": "流式响应没有输出时，发送注释行的间隔",
  "Copy everything from SQLite to an empty PostgreSQL, also while the gateway runs":
    "把全部数据从 SQLite 复制到空的 PostgreSQL，网关运行时也可以",
  "DATABASE_URL: the gateway uses PostgreSQL already; unset it":
    "DATABASE_URL：网关已在使用 PostgreSQL；请取消该设置",
  "Each further fault doubles that, up to this": "每再出错一次，冷却时间加倍，最长为此值",
  "Figures by the minute are kept this long; 0: without limit": "按分钟的统计保留多久；0：不限",
  "Fill the configured database, which must be empty, from a backup":
    "从备份恢复到所配置的数据库（须为空）",
  "Held for a caller that reads slowly": "为读取缓慢的调用方缓冲的数据量",
  "How a node is chosen: {0}": "选择节点的方式：{0}",
  "Idempotency-Keys of one account that are remembered at a time":
    "一个账号同时记住的 Idempotency-Key 数量",
  "It holds the gateway's secret: keep it as you keep that.":
    "其中包含网关的签名密钥：请像保管密钥一样保管它。",
  "It is of use only with the gateway's JWT_SECRET, which is not in it.":
    "其中不含网关的 JWT_SECRET，恢复时必须另行提供。",
  "Largest answer that does not stream": "非流式回答的最大长度",
  "Largest frame taken from a node, and largest whole answer of wire v1":
    "接受节点的最大帧，也是协议 v1 非流式回答的最大长度",
  "Largest request body": "请求体的最大长度",
  "Listen on this address": "监听的地址",
  "Log lines that one account or one address may cause besides its calls; one link, a tenth":
    "一个账号或地址除调用外可产生的日志行数；一条连接为其十分之一",
  "Longest silence before a stream's first chunk": "流式响应第一个分块之前的最长静默时间",
  "Longest silence between two chunks": "两个分块之间的最长静默时间",
  "Longest wait for a faster node while a slower one has a slot free; 0: none waits":
    "较慢的节点有空闲时，为更快的节点最多等待多久；0：不等待",
  "Longest wait for a free slot": "排队等待空闲并发名额的最长时间",
  "Machines of one network that may ask to join, and wrong join codes of a network or an account":
    "一个网段每小时可请求接入的机器数，以及一个网段或账号可输错接入码的次数",
  "Models with a policy of their own": "单独指定策略的模型",
  "Must not exist": "不能是已有的文件",
  "Nodes are pinged this often": "对节点发送 ping 的间隔",
  "Nodes of one account that are connected, and the models that they offer, counted together":
    "一个账号在线节点数与其提供的模型数之和",
  "Nodes of one account that are remembered when they are gone, and new ones an hour":
    "一个账号离线后仍保留记录的节点数，也是每小时新增节点数的上限",
  "Of each account without a limit of its own, all its keys together; 0 blocks":
    "未单独设置限额的账号，其全部密钥合计；0 表示禁止",
  "Other nodes tried before the first byte": "开始返回回答之前最多再尝试几个其他节点",
  "Port to listen on; 0: any free port; unset: 8080, or 443 with a certificate":
    "监听的端口；0：任意空闲端口；未设置：8080，有证书时为 443",
  "PostgreSQL; unset: SQLite in the data folder": "PostgreSQL；未设置：使用数据目录中的 SQLite",
  "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed":
    "信任其 X-Forwarded-For 和 X-Forwarded-Proto 的代理",
  "Redis for limits and for more gateways; unset: one gateway, limits in memory":
    "用于限额和多网关集群的 Redis；未设置：单个网关，限额保存在内存中",
  "Request bodies held for all calls; never less than one body":
    "所有调用的请求体占用内存总量；不小于一个请求体",
  "Request bodies held for one account's calls; never less than one body":
    "一个账号的请求体占用内存总量；不小于一个请求体",
  "Requests to /v1 with a wrong key or for an unknown model that one network is not charged for":
    "一个网段用错误密钥或未知模型请求 /v1 时，每分钟不计入限额的次数",
  "SQLite file and generated secret": "存放 SQLite 文件和自动生成的签名密钥",
  "Serve everything below this path too, such as /co-link; unset: the path of COLINK_PUBLIC_URL":
    "同时在此路径下提供全部服务，例如 /co-link；未设置：COLINK_PUBLIC_URL 的路径",
  "Sign-in with an OpenID Connect provider of your own: its issuer, as its discovery document has it":
    "使用你自己的 OpenID Connect 登录服务：其 issuer，与发现文档中的一致",
  "Sign-ins that one network may try": "一个网段每分钟可尝试登录的次数",
  "Signs sessions and encrypts stored keys, 32 bytes or more; unset: made once and kept in the data folder (required with PostgreSQL)":
    "用于签名登录会话、加密保存的密钥，至少 32 字节；未设置：生成一次并保存在数据目录（使用 PostgreSQL 时必填）",
  "Single calls are kept this long; 0: without limit": "逐次调用记录保留多久；0：不限",
  "Speak HTTPS under these names, with a certificate fetched and renewed by ACME":
    "以这些域名提供 HTTPS，证书通过 ACME 获取和续期",
  "Speak HTTPS with this certificate chain (PEM), read again when it changes":
    "用此证书链（PEM）提供 HTTPS，文件变化时重新读取",
  "Stop the gateway now: what it writes from here on is not copied. Start it again with DATABASE_URL set to that PostgreSQL, and JWT_SECRET to {0}.":
    "请立即停止网关：此后写入的数据不会被复制。然后把 DATABASE_URL 设为该 PostgreSQL、JWT_SECRET 设为{0}，再启动网关。",
  "That client's secret; unset: a public client, which PKCE alone protects":
    "该客户端的密钥；未设置：公开客户端，仅由 PKCE 保护",
  "The PostgreSQL; its password may be given as PGPASSWORD in the environment":
    "目标 PostgreSQL；密码可用环境变量 PGPASSWORD 提供",
  "The address at which people reach this gateway; unset: as they typed it":
    "用户访问此网关的地址；未设置：以用户输入的地址为准",
  "The audit log is kept this long; 0: without limit": "审计日志保留多久；0：不限",
  "The calls of a node whose link is lost wait this long for it to come back; 0: not at all":
    "节点断线后，其调用等待它恢复连接的时间；0：不等待",
  "The certificate authority that COLINK_DOMAIN asks": "为 COLINK_DOMAIN 签发证书的颁发机构",
  "The client as which the provider knows this gateway": "此网关在登录服务中的客户端 ID",
  "The file that holds the secret, in place of the setting above": "存放该密钥的文件，代替上一项",
  "This backup could not be recorded in the database: the gateway may warn of an older one.":
    "无法在数据库中记录这次备份：网关可能仍提示备份已过旧。",
  "The most that is kept of one answer for callers who come back":
    "为重新连接的调用方保留的单个回答的最大长度",
  "The private key of COLINK_TLS_CERT (PEM)": "COLINK_TLS_CERT 的私钥（PEM）",
  "The provider's groups and the groups here that they lead to; unset: those of the same name":
    "登录服务的组与本网关分组的对应关系；未设置：同名对应",
  "The provider's groups whose members are administrators": "登录服务中成员为管理员的组",
  "The provider's name on the sign-in page; unset: its host":
    "登录页上显示的登录服务名称；未设置：其主机名",
  "The release's files, offered to nodes under /download/; unset: downloads/ beside the executable or in the data folder":
    "在 /download/ 下供节点下载的发布文件；未设置：可执行文件旁或数据目录中的 downloads/",
  "What is asked of the provider; unset: openid email profile, and offline_access where it has that":
    "向登录服务请求的作用域；未设置：openid email profile，支持时加上 offline_access",
  "What it keeps, and where": "数据保存在哪里、保存多久",
  "Where calls wait: as how many tokens of a prompt one token of an answer counts":
    "排队时，一个输出 Token 相当于多少个提示词 Token",
  "Where it listens": "监听地址",
  "Where the certificate authority may write to": "颁发机构联系用的邮箱",
  "Where the other gateways on the same Redis reach this one; unset: its own address":
    "同一 Redis 上的其他网关访问此网关的地址；未设置：其自身的地址",
  "Where the provider names a person's groups, such as groups or realm_access.roles; unset: nowhere":
    "登录服务在哪个声明中给出用户的组，例如 groups 或 realm_access.roles；未设置：不读取",
  "Whether addresses of which the provider does not say whether they are verified count as verified":
    "登录服务未说明邮箱是否已验证时，是否视为已验证",
  "Whether new nodes wait for an administrator's approval": "新节点是否需要管理员批准",
  "Whether sign-in and registration with a password are off": "是否关闭密码登录和注册",
  "Which node gets a call": "调用分配给哪个节点",
  "Who may come in, and how much": "谁可以使用、可以用多少",
  "Who may create an account": "谁可以创建账号",
  "Whole answers held for all calls; never less than two frames":
    "所有调用的非流式回答占用内存总量；不小于两个帧",
  "Whole answers held for one account's calls; never less than two frames":
    "一个账号的非流式回答占用内存总量；不小于两个帧",
  "Who may sign in through the provider: any of its users, those who may register here, or those with an account":
    "谁可以通过登录服务登录：其任何用户、可在此注册的人，或已有账号的人",
  "With a certificate: redirect plain HTTP here; unset: 80 with COLINK_DOMAIN, else none":
    "有证书时：在此端口把 HTTP 重定向到 HTTPS；未设置：使用 COLINK_DOMAIN 时为 80，否则不监听",
  "Write everything to a new file, also while the gateway runs":
    "把全部数据写入新文件，网关运行时也可以",
  "a value from an example; {0}": "是示例中的值；{0}",
  "a wildcard cannot be proved over HTTP: name each host":
    "通配符域名无法通过 HTTP 验证：请逐个列出主机名",
  "address": "地址",
  "calls": "次",
  "calls/min": "次/分钟",
  "claim": "声明",
  "days": "天",
  "e-mail": "邮箱",
  "file": "文件",
  "folder": "目录",
  "host": "主机",
  "keys": "个",
  "language": "语言",
  "level": "级别",
  "lines/min": "行/分钟",
  "names, by comma": "名称，逗号分隔",
  "nodes": "个",
  "offers": "项",
  "path": "路径",
  "policy": "策略",
  "port": "端口",
  "requests/min": "次/分钟",
  "text": "文本",
  "times": "次",
  "tokens": "Token",
  "tries/h": "次/小时",
  "tries/min": "次/分钟",
  "words, by space": "词，空格分隔",
  "an @ stands too late; {0}": "@ 的位置不对；{0}",
  "copied and compared: {0}": "已复制并核对：{0}",
  "debug, info, warn, error or silent": "debug、info、warn、error 或 silent",
  "en or zh: what the program says at a terminal; unset: the locale's (LC_ALL, LC_MESSAGES, LANG)":
    "en 或 zh：程序在终端使用的语言；未设置：随系统语言环境（LC_ALL、LC_MESSAGES、LANG）",
  "expected a folder that can be written and read ({0})": "应为可读写的目录（{0}）",
  "expected a number from {0} to {1}": "应为 {0} 到 {1} 的数",
  "expected a path such as /co-link": "应为路径，例如 /co-link",
  "expected a value": "不能为空",
  "expected a whole number": "应为整数",
  "expected addresses or CIDRs such as 10.0.0.0/8, separated by commas":
    "应为用逗号分隔的地址或 CIDR，例如 10.0.0.0/8",
  "expected an issuer without ? and #": "issuer 中不能有 ? 和 #",
  "expected each model once, as model=policy, separated by commas; policies are {0}":
    "应为用逗号分隔的“模型=策略”，每个模型只能出现一次；策略有 {0}",
  "expected https://…": "应为 https://…",
  "expected names such as co-link.example.com, without https:// and port, separated by commas":
    "应为用逗号分隔的域名，例如 co-link.example.com，不带 https:// 和端口",
  "expected one of {0}": "应为以下之一：{0}",
  "expected pairs such as theirs=ours, separated by commas":
    "应为用逗号分隔的“对方的组=本网关的分组”",
  "expected words, openid among them": "应为用空格分隔的词，其中须有 openid",
  "expected {0}": "应为 {0}",
  "host no. {0}": "第 {0} 个主机",
  "it lacks the group's name: redis-sentinel://host,host/group":
    "缺少组名：redis-sentinel://host,host/group",
  "its database is no number: redis://host:6379/0": "数据库编号不是数字：redis://host:6379/0",
  'its file "secret" is damaged; restore it, or delete it: then every token and session that was made with it is void':
    "其中的文件“secret”已损坏；请恢复它，或将其删除（删除后，用它生成的所有密钥和登录会话都会失效）",
  "its parameter port is no port": "参数 port 不是有效的端口",
  "its parameter {0} is not supported; leave it out": "不支持参数 {0}；请去掉",
  "its parameters may be {0}": "可用的参数有 {0}",
  "its {0} has a % that encodes nothing; {1}": "{0}中有无效的 % 编码；{1}",
  "its {0} is empty": "{0}为空",
  "its {0} is no host name or address": "{0}不是有效的主机名或地址",
  "its {0} must be one of {1}": "{0} 应为以下之一：{1}",
  "make one with: openssl rand -hex 32": "生成方法：openssl rand -hex 32",
  "parameter {0}": "参数 {0} ",
  "parameters": "参数",
  "password": "密码",
  "user name": "用户名",
  "percent-encode / as %2F, ? as %3F, # as %23, @ as %40 and % as %25":
    "请进行百分号编码：/ 写作 %2F，? 写作 %3F，# 写作 %23，@ 写作 %40，% 写作 %25",
  "required with DATABASE_URL, the same for all gateways; {0}":
    "使用 DATABASE_URL 时必填，且所有网关相同；{0}",
  "restored the state of {0}: {1}; start the gateway": "已恢复到 {0} 的状态：{1}；请启动网关",
  "shorter than 32 bytes; {0}": "不足 32 字节；{0}",
  "the content of {0}": " {0} 的内容",
  "the file is empty": "文件为空",
  "the file of its {0} cannot be read ({1})": "无法读取 {0} 指定的文件（{1}）",
  "the port of its {0} is no port; {1}": "{0}的端口无效；{1}",
  "the same as now": "与现在相同的值",
  "there is a # in it; {0}": "其中有 #；{0}",
  "there is an @ after the first /; {0}": "第一个 / 之后有 @；{0}",
  "{0} rows, with {1} accounts and {2} calls": "共 {0} 行，其中账号 {1} 个、调用 {2} 次",
  "{0}: cannot read the secret ({1})": "{0}：无法读取密钥（{1}）",
  "{0}: differs from the path of {1}; set one of them": "{0}：与 {1} 的路径不同；请只设置其中一个",
  "{0}: fetches a certificate; set either it or {1}":
    "{0}：会自动获取证书；请在它与 {1} 中只设置一个",
  "{0}: needs {1} too": "{0}：还需要设置 {1}",
  "{0}: no such setting; perhaps {1}? --help lists all":
    "{0}：没有这个设置；是否应为 {1}？--help 列出全部",
  "{0}: no such setting; --help lists all": "{0}：没有这个设置；--help 列出所有设置",
  "{0}: redirects to HTTPS; set {1} or {2} too, or PORT alone":
    "{0}：用于重定向到 HTTPS；请同时设置 {1} 或 {2}，或只设置 PORT",
  "{0}: required with {1}": "{0}：使用 {1} 时必填",
  "{0}: set either it or {1}": "{0}：请在它与 {1} 中只设置一个",
  "{0}: {1}, readable by you alone": "{0}：{1}，只有你能读取",
  "{0}={1}: cannot be read ({2})": "{0}={1}：无法读取（{2}）",
};

export const t = textsOf(chinese);
