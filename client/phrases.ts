/** What the node says in English, because logs and other processes take it too, in Chinese: for its command line, and for the console. */

/** By the English phrase. */
export const phrases: Readonly<Record<string, string>> = {
  "1 to 200 visible characters in Unicode's compatibility form (NFKC), single spaces only between them, Latin letters not mixed with Cyrillic, Greek or other lookalikes":
    "1 到 200 个可见字符（Unicode NFKC 形式），中间只能有单个空格，拉丁字母不能与西里尔字母、希腊字母或其他形似字符混用",
  "TLS: the server's certificate has expired, or this machine's clock is ahead":
    "TLS：服务器证书已过期，或本机时钟偏快",
  "TLS: the server's certificate is not valid yet: this machine's clock is behind":
    "TLS：服务器证书尚未生效：本机时钟偏慢",
  "TLS: the server's certificate is for another name": "TLS：服务器证书属于另一个域名",
  "TLS: the server's certificate is not trusted": "TLS：服务器证书不受信任",
  "TLS: the server's certificate is self-signed": "TLS：服务器证书是自签名的",
  "a frame was too large for the gateway": "发送的帧超过了网关的上限",
  "a group of keys": "一组键",
  "a list": "列表",
  "a number": "数字",
  "a whole number": "整数",
  "nothing": "空值",
  "text": "文本",
  "true or false": "true 或 false",
  "a website at this path, no gateway (200); server_url usually ends with /ws":
    "该路径是网页，不是网关（200）；server_url 通常以 /ws 结尾",
  "another program of the owner's asks for a pause": "所有者的其他程序要求暂停",
  "cannot connect: {0}": "无法连接：{0}",
  "client_token_file stands beside client_token; one of them is enough":
    "client_token_file 与 client_token 只能设置其中一个",
  "closed with code {0}": "连接以代码 {0} 关闭",
  "connection refused; is the gateway running at this port?": "连接被拒绝；网关是否在该端口运行？",
  "disconnected: {0}": "连接断开：{0}",
  "disconnected: {0} ({1})": "连接断开：{0}（{1}）",
  "has a name or a value that HTTP headers cannot have": "含有 HTTP 请求头不允许的名称或值",
  "has characters that no token has; copy it again from the console's Keys page":
    "含有令牌中不会出现的字符；请从控制台的“密钥”页重新复制",
  "holds your keys, and {0} can read it; run: chmod 600 {1}":
    "其中有你的密钥，而{0}可以读取；请运行：chmod 600 {1}",
  "how busy the processor is": "处理器有多忙",
  "how many calls were taken": "接受了多少次调用",
  "how many tokens were used": "使用了多少 Token",
  "how much graphics memory other programs use": "其他程序占用多少显存",
  "is an API key, which calls models; nodes need the node token, client-…":
    "是用于调用模型的 API 密钥；这里应填节点令牌（client-…）",
  "is named twice": "重复出现",
  "is still the example's; copy your own node token from the console's Keys page":
    "仍是示例中的值；请从控制台的“密钥”页复制你的节点令牌",
  "its group": "其所属的系统组",
  "others on this machine": "本机的其他用户",
  'must be "allow" or "deny"': '应为 "allow" 或 "deny"',
  'must be "finish", "move" or "stop"': '应为 "finish"、"move" 或 "stop"',
  'must be "mains", or a charge such as "battery > 60%"':
    '应为 "mains"，或电量条件，例如 "battery > 60%"',
  "must be 0 or more": "应不小于 0",
  "must be 1 or more": "应不小于 1",
  'must be a bound such as "< 70%"': '应为上限，例如 "< 70%"',
  'must be a count of 1 or more, such as 200 or "2M"': '应为不小于 1 的数量，例如 200 或 "2M"',
  'must be a date such as "2023-06-01"': '应为日期，例如 "2023-06-01"',
  'must be a list of models, or "auto"': '应为模型列表，或 "auto"',
  'must be a path such as "/v1", or "/" where the API has none':
    '应为路径，例如 "/v1"；API 没有路径时写 "/"',
  'must be a size such as "4GiB"': '应为大小，例如 "4GiB"',
  'must be a time such as "30s", "10m" or "2h"': '应为时长，例如 "30s"、"10m" 或 "2h"',
  'must be an address such as "http://127.0.0.1:11434/v1"':
    '应为地址，例如 "http://127.0.0.1:11434/v1"',
  'must be an address such as "http://proxy:3128", or none':
    '应为地址，例如 "http://proxy:3128"，或 none',
  'must be an address such as "wss://your-server/ws"': '应为地址，例如 "wss://your-server/ws"',
  "must be at most 200 characters": "最多 200 个字符",
  "must be at most {0}": "最多为 {0}",
  "must be at most {0} addresses": "最多 {0} 个地址",
  'must be days, a time or both, such as "mon-fri 19:00-07:00", "sat-sun" or "22:00-06:00"':
    '应为星期、时段或两者，例如 "mon-fri 19:00-07:00"、"sat-sun" 或 "22:00-06:00"',
  "must be everyone, me, or a list such as [group:lab, user:ann@example.com]":
    "应为 everyone、me，或列表，例如 [group:lab, user:ann@example.com]",
  "must be group:NAME or user:E-MAIL": "应为 group:名称 或 user:邮箱",
  "must be user:E-MAIL": "应为 user:邮箱",
  'must be one of those that a provider of type "{0}" can serve: {1}':
    '应为 "{0}" 类型的提供商支持的端点之一：{1}',
  "must be one of {0}": "应为以下之一：{0}",
  'must be one of {0}; for {1} write type: "{2}': '应为以下之一：{0}；{1} 请写作 type: "{2}',
  "must be the beginning of names that callers can ask for": "应能作为模型名称的开头",
  "must be {0}": "应为{0}",
  "must be {0}, not {1}": "应为{0}，而不是{1}",
  "must end before the endpoint: the node appends /chat/completions and others itself":
    "不应包含端点：节点会自行追加 /chat/completions 等路径",
  "must have no user name and password in it; put them into headers, as authorization":
    "不能包含用户名和密码；请写在 headers 的 authorization 中",
  "must have no user name and password in it; the node token says who the node is":
    "不能包含用户名和密码；节点的身份由节点令牌证明",
  "must name at least one endpoint": "至少要有一个端点",
  "must name at least one model": "至少要有一个模型",
  "must name at least one pattern": "至少要有一个模式",
  "must name at least one program": "至少要有一个程序",
  "must name at least one time": "至少要有一个时段",
  "must name at least one provider": "至少要有一个提供商",
  "must name at most 20 groups and users": "最多 20 个分组和用户",
  "must not be empty": "不能为空",
  "no WebSocket comes through (426): use wss:// if the gateway speaks TLS, otherwise let the proxy before it pass Upgrade on":
    "WebSocket 无法建立（426）：如果网关启用了 TLS，请使用 wss://；否则请让网关前面的代理转发 Upgrade",
  "no calls are taken; unknown: allow would take them": "不接受调用；设置 unknown: allow 则接受",
  "no gateway at this path (404); server_url usually ends with /ws":
    "该路径没有网关（404）；server_url 通常以 /ws 结尾",
  "no such file; name one with --config PATH, or make one with the command join":
    "没有这个文件；请用 --config PATH 指定，或用 join 命令创建",
  "no such file; join a gateway first": "没有这个文件；请先接入网关",
  "other programs leave less than {0} of graphics memory": "其他程序占用后，空闲显存不足 {0}",
  "other programs' load of the processor is not {0}": "其他程序的处理器负载不满足 {0}",
  "outside the owner's hours": "不在所有者设定的时段内",
  "providers offer {0} models; a node may offer {1}":
    "providers 共提供 {0} 个模型；一个节点最多 {1} 个",
  "server_url is not encrypted: your token and all prompts can be read on the way to {0}; use wss://":
    "server_url 未加密：到 {0} 的链路上，任何人都能读到你的令牌和所有提示词；请使用 wss://",
  "stands alone: write share_with: everyone; your own calls may come in any case":
    "只能单独使用：请写 share_with: everyone；你自己的调用始终允许",
  "stands alone: write share_with: me; your own calls may come in any case":
    "只能单独使用：请写 share_with: me；你自己的调用始终允许",
  "the battery is not above {0} %": "电量未超过 {0} %",
  "the condition counts as fulfilled; unknown: deny would refuse calls":
    "视为满足条件；设置 unknown: deny 则拒绝调用",
  "the connection was lost": "连接中断",
  "the environment variable {0} is not set": "环境变量 {0} 未设置",
  "the gateway closed the link": "网关关闭了连接",
  "the gateway closed the link normally": "网关正常关闭了连接",
  "the gateway did not understand this node": "网关无法识别此节点发送的数据",
  "the gateway is going away": "网关正在停止",
  "the gateway is restarting": "网关正在重启",
  "the gateway knows only wire v1": "网关只支持协议 v1",
  "the gateway received no REGISTER in time": "网关没有及时收到 REGISTER",
  "the gateway refused the node token (401); copy it from the console's Keys page into client_token":
    "网关拒绝了节点令牌（401）；请从控制台的“密钥”页复制到 client_token",
  "the gateway refused this machine (403)": "网关拒绝了这台机器（403）",
  "the gateway takes no connections now (503)": "网关暂不接受连接（503）",
  "the gateway takes no more connections now (429)": "网关的连接数已达上限（429）",
  "the machine runs on battery": "机器正在使用电池",
  "the node cannot tell whether the machine is on mains": "节点无法得知机器是否接通电源",
  "the node cannot tell whether the machine is in use": "节点无法得知机器是否有人使用",
  "the node cannot tell which programs run": "节点无法得知正在运行哪些程序",
  "the node cannot tell how much graphics memory other programs use":
    "节点无法得知其他程序占用多少显存",
  "the node cannot tell how busy the processor is": "节点无法得知处理器有多忙",
  "config.yaml was changed and cannot be used, the one before stays in use: {0}":
    "config.yaml 已更改但无法使用，继续使用之前的配置：{0}",
  "other reasons": "其他原因",
  "cannot tell {0} here: {1}": "在本机无法得知{0}：{1}",
  "the node looks at the machine first": "节点正在检查本机的状态",
  "the node token was revoked; copy the new one from the console's Keys page into client_token":
    "节点令牌已被吊销；请从控制台的“密钥”页把新令牌复制到 client_token",
  "the owner has paused the node": "所有者已暂停节点",
  "the owner uses the machine": "所有者正在使用机器",
  "the owner's own programs come first": "所有者自己的程序优先",
  "the proxy before the gateway does not reach it (502)": "网关前面的代理无法连到网关（502）",
  "the proxy wants a name and a password (407); write them as http://user:password@proxy in HTTPS_PROXY":
    "代理要求用户名和密码（407）；请在 HTTPS_PROXY 中写作 http://user:password@proxy",
  "the server answered HTTP {0} instead of a WebSocket": "服务器返回了 HTTP {0}，而不是 WebSocket",
  "the server's name cannot be looked up now; check this machine's network and DNS":
    "目前无法解析服务器的名称；请检查本机的网络和 DNS",
  "this machine has no route to the server; check its network, and server_url":
    "本机没有通往服务器的路由；请检查本机网络和 server_url",
  "no machine answers at the server's address; is it on? Check server_url":
    "服务器的地址上没有机器应答；请确认它已开机，并检查 server_url",
  "this machine's rules or firewall forbid the connection; allow it there":
    "本机的规则或防火墙禁止该连接；请在那里放行",
  "the server cannot be reached": "无法连接服务器",
  "the server closed the connection; if it speaks TLS, use wss://":
    "服务器关闭了连接；如果它启用了 TLS，请使用 wss://",
  "the server does not answer; check server_url and firewalls":
    "服务器没有应答；请检查 server_url 和防火墙",
  "the server does not speak TLS; try ws:// or its port":
    "服务器没有启用 TLS；请改用 ws://，或检查端口",
  "the server does not understand the request (400); if it speaks TLS at this port, use wss://":
    "服务器无法识别请求（400）；如果该端口启用了 TLS，请使用 wss://",
  "the server redirects to another address ({0}); if that is https://, write wss:// in server_url":
    "服务器重定向到另一个地址（{0}）；如果是 https://，请在 server_url 中写 wss://",
  "the server's name is not known; check server_url": "域名无法解析；请检查 server_url",
  "the time": "时间",
  "this hour's calls are used up": "本小时的调用次数已用完",
  "today's tokens are used up": "今天的 Token 已用完",
  "visible text, without line breaks, control characters, marks of direction or other invisible characters":
    "可见文本，不含换行、控制字符、方向标记或其他不可见字符",
  "whether the machine is in use": "机器是否有人使用",
  "whether the machine is on mains": "机器是否接通电源",
  "which programs run": "正在运行哪些程序",
  "is for the node's own policy": "只能用于节点自身的 policy",
  "is missing": "未填写",
  "is empty": "为空",
  "is not for this type of provider": "不适用于此类型的提供商",
  "is not known": "不是已知的键",
  "is not known; did you mean {0}?": "不是已知的键；是否想写 {0}？",
  "{0} is no PEM file": "{0} 不是 PEM 文件",
  "a part of its path is no folder": "路径中有一段不是目录",
  "connection refused": "连接被拒绝",
  "it is a folder": "这是一个目录",
  "its name cannot be looked up now": "域名暂时无法解析",
  "its name is not known": "域名无法解析",
  "no answer in time": "响应超时",
  "no such file or folder": "没有这个文件或目录",
  "no way to its network": "网络不可达",
  "permission denied": "权限不足",
  "the connection was reset": "连接被重置",
  "the disk is full": "磁盘已满",
  "the disk is read-only": "磁盘只读",
  "too many files are open": "打开的文件过多",
  "tabs cannot be used to indent; use spaces": "不能用制表符缩进，请改用空格",
  "this key appears twice; remove one of them": "此键出现了两次，请删去一个",
  "a quote {0} is opened but not closed": "引号 {0} 没有闭合",
  "{0} is missing, or is indented less than what it closes": "缺少 {0}，或其缩进小于所在的键",
  "a key needs a colon, a space and its value": "键的后面应依次为冒号、空格和值",
  "a space is missing after the colon": "冒号后缺少空格",
  "a comma is missing between two values": "两个值之间缺少逗号",
  "a space is missing before #": "# 前缺少空格",
  "entries of one level must begin in the same column": "同一层的各项必须左对齐",
  "the indentation of this line is wrong": "此行缩进有误",
  "a value has another key in it; put quotes around the value, or check the next line's indentation":
    "值中又出现了键；请给值加上引号，或检查下一行的缩进",
  "a value that begins with {0} must be in quotes": "以 {0} 开头的值必须加引号",
  "{0} means nothing in double quotes; double the backslash, or use single quotes":
    "双引号中的 {0} 不是有效的转义；请写两个反斜杠，或改用单引号",
  "a second document begins here; remove the line ---": "此处开始了第二个文档，请删去 --- 这一行",
  "nothing may follow | or > on its line": "| 或 > 所在行的后面不能有其他内容",
  "{0} closes nothing; put quotes around a value that contains it":
    "{0} 没有对应的左括号；如果它是值的一部分，请给值加上引号",
  "there is text after the end of a value; put quotes around all of it":
    "值结束之后还有内容；请给整个值加上引号",
  "the aliases expand to too many values; write the values out":
    "文件中的别名展开后过大，请直接写出各个值",
  "a fraction": "小数",
  "the configuration must be keys, not {0}": "配置应由键组成，而不是{0}",
  "no anchor &{0} comes before *{1}; put quotes around a value that begins with *":
    "*{1} 之前没有锚点 &{0}；以 * 开头的值必须加引号",
  '"{0}" is mapped twice in this provider': "“{0}”在此提供商中重复映射",
};
