/** The texts of the node's command line in Chinese. Log lines stay English. */

import { shownOf, textsOf } from "../text/mod.ts";
import { phrases } from "./phrases.ts";

export const chinese: Readonly<Record<string, string>> = {
  "connection refused": "连接被拒绝",
  "Cannot join: the code is wrong, was used or is older than 15 minutes; make a new one":
    "无法加入：加入码错误、已被使用或已超过 15 分钟；请重新生成一个",
  "Cannot join: the request was denied in the console": "无法加入：请求已在控制台被拒绝",
  "Cannot join: the request was not approved within 15 minutes, or is used; join again":
    "无法加入：请求未在 15 分钟内获得批准，或已被使用；请重新加入",
  "Cannot join: this network has tried too often; try again in {0} s":
    "无法加入：该网络尝试次数过多；请在 {0} 秒后重试",
  "The manual: {0}/docs/joining": "使用手册：{0}/docs/joining",
  "accepted": "已接受",
  "connected": "已连接",
  "connecting": "正在连接",
  "draining": "正在下线",
  "not started": "尚未启动",
  "stopped": "已停止",
  "waiting to connect again": "等待重新连接",
  "configuration": "配置",
  "permissions": "权限",
  "disk": "磁盘",
  "node": "节点",
  "policy": "策略",
  "proxy": "代理",
  "gateway": "网关",
  "clock": "时钟",
  "approval": "审批",
  "Cannot change {0}: {1}": "无法修改 {0}：{1}",
  "it has no keys": "其中没有任何键",
  "Fix it or move it away, and run this again.": "请修正或移走该文件，然后重新运行。",
  "Cannot read {0}: {1}": "无法读取 {0}：{1}",
  "A model server": "某个模型服务",
  "Check configuration, network, gateway and models; each line with a cause and a cure":
    "检查配置、网络、网关和模型，逐项给出原因和解决方法",
  "Begin with versions and the configuration without its secrets, to show to others":
    "先输出版本和去掉密钥的配置，便于发给别人查看",
  "join a gateway first: {0} join https://GATEWAY": "请先接入一个网关：{0} join https://GATEWAY",
  "fix it there; docs/configuration.md lists every key":
    "请修正该处；所有键见 docs/configuration.md",
  "WebSocket and token": "WebSocket 与令牌",
  "{0} cannot be written": "无法写入 {0}",
  'the node runs, but "{0} init" cannot change its configuration there':
    "节点可以运行，但“{0} init”无法修改其中的配置",
  "the configuration is yours alone": "配置文件只有你能访问",
  "the token is readable by you alone": "令牌只有你能读取",
  "others can read {0}": "其他用户可以读取 {0}",
  "{0} MiB free": "剩余 {0} MiB",
  "make room: the log and updates need some; the node itself goes on":
    "请腾出空间：日志和升级需要一些；节点本身会继续运行",
  "docs/sharing.md says what each system tells": "各系统能提供哪些信息，见 docs/sharing.md",
  "calls are taken now": "目前接受调用",
  "no calls are taken now: {0}": "目前不接受调用：{0}",
  "not running": "没有运行",
  "start it: {0}, or {1} service install": "启动：{0}，或 {1} service install",
  "runs with an older configuration, because this one cannot be used: {0}":
    "正在使用旧的配置，因为新的无法使用：{0}",
  "fix the file; the node then uses it at once": "请修正该文件，节点会立即使用它",
  "connected, {0}": "已连接，{0}",
  "not connected yet": "尚未连接",
  "see below": "见下文",
  "{0} is {1}": "{0} 解析为 {1}",
  "the name {0} is not known ({1})": "域名 {0} 无法解析（{1}）",
  "check server_url for a misspelling, and this machine's network":
    "请检查 server_url 的拼写，以及本机的网络",
  "port {0} answers in {1} ms": "端口 {0} 在 {1} 毫秒内应答",
  "port {0} does not answer": "端口 {0} 没有应答",
  "a firewall drops the connection, here or there; or the gateway is off":
    "连接被本地或对端的防火墙丢弃，或网关没有运行",
  "port {0}: {1}": "端口 {0}：{1}",
  "is the gateway running there? Is the port in server_url right?":
    "网关是否在那里运行？server_url 中的端口是否正确？",
  "none is set": "没有设置",
  "an address that is none": "不是有效的地址",
  "{0} is {1}; NO_PROXY is {2}": "{0} 为 {1}；NO_PROXY 为 {2}",
  "not set": "未设置",
  "the gateway is on this machine": "网关就在本机",
  "not encrypted: your token and all prompts can be read on the way":
    "未加密：链路上的任何人都能读到你的令牌和所有提示词",
  "use wss:// in server_url where the gateway has TLS":
    "如果网关启用了 TLS，请在 server_url 中使用 wss://",
  "an unknown authority": "未知的颁发机构",
  "a certificate of {0}, valid until {1}": "证书由 {0} 颁发，有效期至 {1}",
  "no TLS handshake in time": "TLS 握手超时",
  "check what stands before the gateway": "请检查网关前面的代理",
  "check server_url; a CA of your own is named by NODE_EXTRA_CA_CERTS":
    "请检查 server_url；自建 CA 用 NODE_EXTRA_CA_CERTS 指定",
  "version {0}, as this node": "版本 {0}，与此节点相同",
  "version {0}; this node is {1}": "版本 {0}；此节点为 {1}",
  "the gateway does not say its time": "网关没有给出时间",
  "{0} s from the gateway's": "与网关相差 {0} 秒",
  "set this machine's clock, or ask the gateway's operator to set the gateway's: certificates and sign-ins are checked by both":
    "请校准本机时钟；若错的是网关的时钟，请告知网关的管理员：校验证书和登录时要用到",
  "the gateway does not answer the upgrade": "网关没有响应 WebSocket 升级请求",
  "a proxy before it may hold WebSockets up": "网关前面的代理可能拦截了 WebSocket",
  "join again: {0} join GATEWAY": "请重新接入：{0} join GATEWAY",
  "see the lines above": "见上面各行",
  "this gateway is too old to honour share_with: the node offers it nothing":
    "此网关版本太旧，不支持 share_with：节点不会向它提供任何模型",
  "ask who runs the gateway to update it, or set share_with: everyone":
    "请网关管理员升级，或设置 share_with: everyone",
  "the gateway sends only the calls that share_with lets in": "网关只会发送 share_with 允许的调用",
  "the gateway cannot be reached": "无法连接网关",
  "the node is not connected": "节点没有连接",
  "the public list of nodes does not have it": "公开的节点列表中没有它",
  "the node waits for an administrator's approval": "节点正在等待管理员批准",
  "ask who runs the gateway": "请联系网关管理员",
  "the node gets calls": "节点可以接到调用",
  "it has no list of models": "它没有模型列表",
  "is it running? Are base_url and api_key right?": "它在运行吗？base_url 和 api_key 是否正确？",
  "lists {0}": "列出 {0}",
  "has all that are configured: {0}": "配置的模型都在：{0}",
  "does not list {0}": "没有列出 {0}",
  "load it there, or remove it: {0} init": "请在那里加载它，或将其移除：{0} init",
  '"{0}" is no address of a gateway; give it as https://gateway.example':
    "“{0}”不是网关的地址；请写成 https://gateway.example",
  "it answered {0}": "它返回了 {0}",
  "it answers something else": "它返回了别的内容",
  "The gateway answered {0}": "网关返回了 {0}",
  "Cannot reach {0}: {1}": "无法连接 {0}：{1}",
  "If this gateway has no TLS, say so: http://{0}": "如果此网关没有启用 TLS，请写明：http://{0}",
  "{0} is no Co-Link gateway: {1}; give the address at which its console opens":
    "{0} 不是 Co-Link 网关：{1}；请填写打开控制台所用的地址",
  "no answer within 15 s; check the address and firewalls": "15 秒内没有应答；请检查地址和防火墙",
  "its name cannot be looked up now; check this machine's network and DNS":
    "目前无法解析该名称；请检查本机的网络和 DNS",
  "this machine has no route to it; check its network, and the address":
    "本机没有通往该地址的路由；请检查本机网络和地址",
  "no machine answers at this address; is it on?": "该地址上没有机器应答；请确认它已开机",
  "this machine's rules or firewall forbid the connection": "本机的规则或防火墙禁止该连接",
  "no such name; check the address": "没有这个域名；请检查地址",
  "connection refused; is the gateway running at this port?": "连接被拒绝；网关是否在该端口运行？",
  "its certificate is self-signed; NODE_EXTRA_CA_CERTS=FILE names one to trust":
    "证书是自签名的；可用 NODE_EXTRA_CA_CERTS=FILE 指定信任的证书",
  "its certificate has expired, or this machine's clock is ahead": "证书已过期，或本机时钟偏快",
  "its certificate is not valid yet: this machine's clock is behind": "证书尚未生效：本机时钟偏慢",
  "its certificate is for another name": "证书属于另一个域名",
  "it does not speak TLS there; try http://": "那里没有使用 TLS；请改用 http://",
  "its certificate is not trusted": "证书不受信任",
  "it closed the connection; if it speaks TLS, use https://":
    "对方关闭了连接；如果对方使用 TLS，请改用 https://",
  "no answer": "没有应答",
  "Ask nothing: share what is suggested": "不询问，按建议共享",
  "Print what was found as JSON; change nothing without --yes":
    "以 JSON 输出找到的内容；不加 --yes 则不做改动",
  "Send no test prompts": "不发送测试提示词",
  "Find the models on this machine and choose which to share; again: change the choice":
    "查找本机的模型并选择共享哪些；再次运行可更改选择",
  "The configuration file to write; default: the one that join has made":
    "要写入的配置文件；默认为 join 创建的文件",
  "{0} names no gateway yet; run: {1} join https://GATEWAY":
    "{0} 中还没有网关；请运行：{1} join https://GATEWAY",
  "Found no model server on this machine: nothing answers as Ollama, LM Studio, vLLM, llama.cpp or SGLang.":
    "本机没有找到模型服务：没有 Ollama、LM Studio、vLLM、llama.cpp 或 SGLang 应答。",
  "Start one, or set OPENAI_API_KEY or ANTHROPIC_API_KEY, and run: {0} init":
    "请启动其中一个，或设置 OPENAI_API_KEY 或 ANTHROPIC_API_KEY，然后运行：{0} init",
  "Which models shall this machine share?": "这台机器共享哪些模型？",
  "{0} GB": "{0} GB",
  "{0} tokens of context": "上下文 {0} Token",
  "How many calls may run at the same time?": "最多同时运行多少次调用？",
  "  {0} more were not tried, to save time": "  为节省时间，另有 {0} 个未测试",
  ", {0} tok/s": "，{0} Token/秒",
  "  ✓ {0} answered in {1} s{2}": "  ✓ {0} 用 {1} 秒完成回答{2}",
  "Shares {0}, up to {1} calls at a time: {2}": "共享 {0}，最多同时 {1} 次调用：{2}",
  "model": "个模型",
  "models": "个模型",
  'The configuration file (default: {0} in the current folder, else the one that "join" made; as root, the one of the machine\'s node)':
    "配置文件（默认：当前目录的 {0}，没有则为 join 创建的文件；root 则为本机系统服务节点的文件）",
  "A second node on this machine, deliberately, under this name":
    "在本机有意启动第二个节点，使用这个名称",
  "Join a gateway: get a node token for this machine, find its models, and start":
    "接入网关：为本机取得节点令牌，查找模型，然后启动",
  "Its address, such as https://gateway.example": "网关的地址，例如 https://gateway.example",
  "A join code from its console; without one, you approve the machine there":
    "控制台生成的接入码；没有接入码时，在控制台批准本机",
  "Take the node token from this file instead; - is standard input":
    "改为从该文件读取节点令牌；- 表示标准输入",
  "What the machine is called; default: its own name": "机器的名称；默认为主机名",
  "Only join: find no models": "只接入，不查找模型",
  ' as {0}\'s "{1}"': "（{0} 的“{1}”）",
  "Joined {0}{1}. Token saved, readable only by you: {2}":
    "已接入 {0}{1}。令牌已保存，只有你能读取：{2}",
  "This gateway (version {0}) is too old for joining by code.":
    "此网关（版本 {0}）太旧，不支持用接入码接入。",
  "Copy the node token from its console into a file, and run:":
    "请把控制台上的节点令牌复制到一个文件，然后运行：",
  "  {0} join {1} --token-file FILE": "  {0} join {1} --token-file FILE",
  "\nOpen this in a browser, and approve the machine there:\n\n  {0}\n\nIt must show this code: {1}\n\nWaiting for the approval …":
    "\n请在浏览器中打开以下链接，并批准这台机器：\n\n  {0}\n\n页面上应显示此代码：{1}\n\n正在等待批准……",
  "{0} holds {1}; a node token begins with client-, and the gateway's console shows yours":
    "{0}中是{1}；节点令牌以 client- 开头，可在网关的控制台找到",
  "Standard input": "标准输入",
  "an API key, which calls models": "用于调用模型的 API 密钥",
  "no node token": "别的内容，不是节点令牌",
  "For the whole machine, started at boot, under a user of its own; needs root":
    "为整台机器安装，开机启动，使用单独的用户；需要 root",
  "Set up only: do not start": "只做设置，不启动",
  "Keep it running over logouts and reboots, without asking": "退出登录和重启后继续运行，不询问",
  "Start it with {0}; {1} service install keeps it running.":
    "用 {0} 启动；{1} service install 可让它保持运行。",
  "The node that runs here takes the change over by itself.":
    "本机正在运行的节点会自动采用这些更改。",
  "The node runs in this terminal instead, until you press Ctrl-C.":
    "节点将改为在此终端运行，直到按下 Ctrl-C。",
  "Keep it running after a logout and a reboot?": "退出登录和重启后继续运行吗？",
  "Connected to {0}, {1}.": "已连接到 {0}，{1}。",
  "The node runs but is not connected yet; see why: {0} doctor":
    "节点在运行，但尚未连接；查看原因：{0} doctor",
  "Show what the node that runs here does": "显示本机节点的状态",
  "Print JSON; the default where the output is no terminal": "输出 JSON；输出不是终端时默认如此",
  "Take no new calls, for a while or until resume; running ones go on":
    "暂停一段时间或直到 resume，期间不接受新调用；进行中的继续",
  "For so long: 30m, 2h or 1d; without it, until resume":
    "暂停时长：30m、2h 或 1d；不写则直到 resume",
  "until: {0} resume": "，恢复请运行：{0} resume",
  "until {0}": "至 {0}",
  "Paused {0}. Calls that run go on.": "已暂停{0}。进行中的调用会继续。",
  "Take calls again after a pause": "暂停后恢复接受调用",
  "Takes calls again.": "已恢复接受调用。",
  "No node runs here with {0}.": "本机没有使用 {0} 的节点在运行。",
  'Start it with "{0}", or see why it does not run: {1} doctor':
    "用“{0}”启动它，或查看为何没有运行：{1} doctor",
  "The node that is a service of the whole machine answers root: sudo {0} …":
    "作为整台机器的服务运行的节点只回应 root：sudo {0} …",
  "Takes its configuration from {0}: change it there": "配置取自 {0}：请在那里修改",
  '"{0}" is no time to pause for; write it as 30m, 2h or 1d':
    "“{0}”不是有效的暂停时长；请写成 30m、2h 或 1d",
  "Link": "连接",
  "Gateway": "网关",
  "Round trip": "往返时间",
  "not known": "未知",
  "Calls": "调用",
  "{0} of {1} run; {2} served, {3} failed": "进行中 {0} / {1}；已完成 {2}，失败 {3}",
  "Models": "模型",
  "none": "无",
  "Shared with": "共享给",
  "Last error": "最近的错误",
  "Running since": "启动时间",
  "{0} (process {1})": "{0}（进程 {1}）",
  "Configuration": "配置文件",
  "Version": "版本",
  " for {0}": " {0}",
  "connected{0}": "已连接{0}",
  ", for {0} more": "，还有 {0}",
  "connected{0}, takes no calls: {1}{2}": "已连接{0}，不接受调用：{1}{2}",
  "{0}; the gateway is too old for that, and is offered nothing":
    "{0}；网关版本太旧，不支持此设置，因此没有向它提供模型",
  "{0} ago, {1}: {2}": "{0}前，{1}：{2}",
  "{0} was changed and cannot be used; the one before stays in use:":
    "{0} 已更改但无法使用，继续使用之前的配置：",
  "{0}; the gateway offers {1}: {2} update": "{0}；网关提供 {1}：{2} update",
  "{0} s": "{0} 秒",
  "{0} min": "{0} 分钟",
  "{0} h": "{0} 小时",
  "{0} d": "{0} 天",
  "{0} (space ticks, enter goes on)": "{0}（空格勾选，回车继续）",
  "A whole number, 1 or more": "请输入不小于 1 的整数",
  "no whole answer in time": "没有及时得到完整回答",
  "its answer cannot be read": "无法读取其回答",
  "Take the newest program that the gateway offers; back to this one if it does not connect":
    "升级到网关提供的最新程序；若无法连接则换回原来的",
  "Only say whether there is a newer one": "只说明是否有更新的版本",
  "{0} offers no programs; this one is {1}": "{0} 不提供程序下载；当前版本为 {1}",
  "This program is {0}; the gateway offers {1}": "当前版本为 {0}；网关提供 {1}",
  "The gateway offers {0}; this program is {1}": "网关提供 {0}；当前版本为 {1}",
  "This program runs from source: update the source instead (git pull)":
    "此程序从源码运行：请更新源码（git pull）",
  "Cannot download {0}: {1}. Nothing was changed; try again later":
    "无法下载 {0}：{1}。没有做任何改动，请稍后重试",
  "the gateway answered {0}": "网关返回了 {0}",
  "it is far too large": "文件过大",
  "Cannot unpack {0}: the archive has no such file. Nothing was changed":
    "无法解压 {0}：归档中没有该文件。没有做任何改动",
  "Cannot write {0}: {1}. Nothing was changed; make room there (a program takes about 130 MB) and try again":
    "无法写入 {0}：{1}。未作任何更改；请在那里腾出空间（程序约需 130 MB）后重试",
  "Cannot write {0}: {1}. Nothing was changed; update as the user who owns {2}":
    "无法写入 {0}：{1}。没有做任何改动；请以 {2} 的所有者身份升级",
  "The new program does not start on this machine. Nothing was changed":
    "新程序无法在本机启动。没有做任何改动",
  "Updated to {0}. The node did not run; start it: {1}":
    "已升级到 {0}。节点没有在运行，请启动：{1}",
  "Restarting the node with {0}; its calls may end first …":
    "正在用 {0} 重启节点，会先等进行中的调用结束……",
  "Updated to {0}: the node is connected.": "已升级到 {0}，节点已连接。",
  "The node did not connect with {0} within a minute: {1} is back in its place.":
    "节点用 {0} 在一分钟内没有连接成功，已换回 {1}。",
  "See why: {0} doctor": "查看原因：{0} doctor",
  "Show this and exit": "显示此帮助并退出",
  "--help shows what can be given": "--help 列出可用的参数",
  "Show the version and exit": "显示版本并退出",
  "Show the licences of all that is inside and exit": "显示所含全部组件的许可证并退出",
  "unknown flag {0}{1}": "未知选项 {0}{1}",
  "unexpected argument {0}": "多余的参数 {0}",
  "{0} is missing": "缺少 {0}",
  "--{0} needs a {1}": "--{0} 需要一个 {1}",
  "\n\nCOMMANDS\n\n{0}\n": "\n\n命令\n\n{0}\n",
  "one of these is needed: {0}": "需要以下之一：{0}",
  '"{0}": no such command; to run with this configuration: {1} -c {2}':
    "“{0}”：没有这个命令；要使用这份配置运行：{1} -c {2}",
  '"{0}": no such command; there are {1}': "“{0}”：没有这个命令；可用的有 {1}",
  "Run the node (the default)": "运行节点（默认）",
  'A node runs already on this machine with {0}; "{1} status" shows it.':
    "本机已有使用 {0} 的节点在运行；“{1} status”可查看。",
  "To run a second one deliberately, give it a name: {0} --as NAME":
    "如果确实要再启动一个，请为它命名：{0} --as NAME",
  "Offers this machine's models through a Co-Link gateway. COLINK_CLIENT_LOG_LEVEL (debug, info, warn, error, silent) says how much it logs, COLINK_LANGUAGE (en, zh) in which language it speaks.":
    "通过 Co-Link 网关共享本机的模型。COLINK_CLIENT_LOG_LEVEL（debug、info、warn、error、silent）决定日志的详细程度，COLINK_LANGUAGE（en、zh）决定语言。",
};

export const t = textsOf(chinese);

/** Shows a text that is made of phrases in the language of the terminal. */
export const shown = shownOf(phrases);

/** "1 model", "2 models" */
export function modelCount(models: number): string {
  return `${models} ${models === 1 ? t`model` : t`models`}`;
}
