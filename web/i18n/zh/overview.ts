/** The administrators' overview, in simplified Chinese. */

import type { Filled } from "../en.ts";
import type { overview as english } from "../en/overview.ts";
import { number } from "./words.ts";

export const overview: Filled<typeof english> = {
  lead: (gateways, version) =>
    gateways === 1
      ? `整个网关，版本 ${version}`
      : `共 ${number.format(gateways)} 个网关，本网关版本 ${version}`,
  now: "当前",
  nowFigures: {
    nodes: "在线节点",
    models: "可用模型",
    running: "进行中的调用",
    waiting: "排队中的调用",
  },
  hereHint: "仅本网关",
  attentionTitle: "需要关注",
  allWell: "一切正常。",
  causesTitle: "错误原因",
  noErrors: "这段时间没有失败的调用。",
  queuesTitle: "各模型排队情况",
  noQueues: "没有调用在排队。",
  queue: (waiting) => `${number.format(waiting)} 次排队中`,
  slots: (running, slots) => `并发名额 ${number.format(running)} / ${number.format(slots)}`,
  more: (names, others) => others === 0 ? names : `${names}，另有 ${number.format(others)} 个`,
  howTo: "查看方法",
  attention: {
    store: {
      title: ({ detail }) => `数据库无法写入：${detail}`,
      next: "已知的密钥还能继续使用五分钟。请检查数据库及其磁盘。",
      action: "",
    },
    ledger: {
      title: ({ detail }) => `已结束的调用无法可靠记录：${detail}`,
      next: "请检查数据库，以及数据目录的空间和权限。",
      action: "",
    },
    limits: {
      title: ({ detail }) => `Redis 无法计数：${detail}`,
      next: "恢复之前，各网关各自计算限额。请检查 REDIS_URL 和 Redis。",
      action: "",
    },
    gateways: {
      title: ({ count }) => `有 ${number.format(count)} 个网关无法连通`,
      next: "请检查网关之间的网络；它们的节点收不到来自本网关的调用。",
      action: "",
    },
    disk: {
      title: ({ detail }) => `数据目录所在磁盘只剩 ${detail}`,
      next: "请清理空间：数据库不可用时，已结束的调用会暂存在那里。",
      action: "",
    },
    certificate: {
      title: ({ at, detail }) => at === "" ? `没有证书：${detail}` : `证书过期时间：${at}`,
      next: "请确认域名指向本机、80 和 443 端口可访问；自备证书请更换文件。",
      action: "",
    },
    provider_key: {
      title: ({ count, names }) => `有 ${number.format(count)} 个节点的密钥被提供商拒绝：${names}`,
      next: "需要节点所有者在 config.yaml 中填入有效的 api_key。",
      action: "查看节点",
    },
    penalized: {
      title: ({ count, names }) => `有 ${number.format(count)} 个节点正在冷却：${names}`,
      next: "这些节点上有调用失败，原因见各节点页面。",
      action: "查看节点",
    },
    unapproved: {
      title: ({ count, names }) => `有 ${number.format(count)} 个节点等待批准：${names}`,
      next: "批准之前，这些节点收不到调用。",
      action: "去批准",
    },
    lost: {
      title: ({ count, names }) => `一天内有 ${number.format(count)} 个节点失联：${names}`,
      next: "请检查机器是否休眠或断网；节点会自动重新接入。",
      action: "查看节点",
    },
    plain_http: {
      title: () => "公网地址未加密",
      next:
        "链路上的任何人都能读到密钥、提示词和回答。请用 --domain 启动网关，或在前面部署支持 HTTPS 的代理。",
      action: "",
    },
    untrusted_proxy: {
      title: ({ detail }) => `代理 ${detail} 不受信任`,
      next:
        "经由它的所有访问者都算作同一个网络，共用一份速率限制。如果这是你的代理，请把它的地址写入 COLINK_TRUSTED_PROXIES，并让它设置 X-Forwarded-For。",
      action: "",
    },
    gateway_version: {
      title: ({ count, detail }) => `有 ${number.format(count)} 个网关版本不同：${detail}`,
      next: "请把所有网关更新到同一版本。",
      action: "",
    },
    node_version: {
      title: ({ count, names }) => `有 ${number.format(count)} 个节点与网关版本不同：${names}`,
      next: "节点仍可工作；要使用新功能，请更新节点程序。",
      action: "查看节点",
    },
    backup: {
      title: ({ at }) => at === "" ? "还没有备份" : `上次备份：${at}`,
      next: "请运行 colink-server backup FILE，最好每晚一次。",
      action: "",
    },
    budgets: {
      title: ({ count }) => `有 ${number.format(count)} 份额度已用完或即将用完`,
      next: "超出额度的调用会被拒绝，直到当日或当月结束。用量合理的，可以提高额度。",
      action: "查看用户",
    },
    kept_administrator: {
      title: ({ detail }) => `登录服务不再将 ${detail} 列为管理员，但没有其他管理员`,
      next: "在有其他管理员之前，该账号仍是管理员：请另设一位管理员，或在登录服务中修正分组。",
      action: "查看用户",
    },
  },
  troubles: {
    authority_forbidden: "域名的 CAA 记录不允许该证书颁发机构",
    calls_lost: "部分已结束的调用未能记录",
    calls_refused: "数据库拒绝写入部分已结束的调用",
    cannot_save: "无法写入其磁盘",
    certificate_expired: "对方的证书已过期",
    certificate_for_another_name: "对方的证书属于另一个域名",
    certificate_not_yet_valid: "对方的证书尚未生效",
    certificate_self_signed: "对方使用自签名证书",
    certificate_untrusted: "对方的证书不受信任",
    connection_lost: "连接中断",
    connection_refused: "连接被拒绝",
    damaged: "数据已损坏",
    disk_failed: "磁盘读写出错",
    disk_full: "磁盘已满",
    domain_elsewhere: "域名指向了别的服务器",
    domain_unknown: "域名没有 DNS 记录",
    locked: "已被其他程序锁定",
    name_unknown: "主机名无法解析",
    no_answer: "响应超时",
    no_database: "没有这个名称的数据库",
    no_file: "没有这个文件或目录",
    no_tables: "数据表不存在",
    no_tls: "该端口没有启用 TLS",
    out_of_memory: "内存不足",
    overloaded: "排队的查询太多",
    password_refused: "用户名或密码被拒绝",
    permission_denied: "权限不足",
    port_80_closed: "无法从互联网访问 80 端口",
    rate_limited: "已达到证书颁发机构的频率限制",
    read_only: "只读，不接受写入",
    starting: "仍在启动",
    too_many_connections: "连接数已满",
    too_many_files: "打开的文件过多",
    unreachable: "网络不可达",
  },
};
