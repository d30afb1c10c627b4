/** Every text of the console, in simplified Chinese. */

import type { Messages } from "./en.ts";

const number = new Intl.NumberFormat("zh-CN");

function wait(seconds: number): string {
  return seconds < 100
    ? `${number.format(seconds)} 秒`
    : `${number.format(Math.ceil(seconds / 60))} 分钟`;
}

export const zh: Messages = {
  languageSwitch: { label: "English", lang: "en" },
  skipToContent: "跳到正文",
  loading: "正在载入…",
  tryAgain: "重试",
  cancel: "取消",
  copy: "复制",
  copied: "已复制",
  copyFailed: "请选中文本后按 Ctrl+C",
  show: "显示",
  hide: "隐藏",
  online: (nodes, models) =>
    `${number.format(nodes)} 个节点在线，${number.format(models)} 个模型可用`,

  nav: {
    label: "主导航",
    menu: "菜单",
    home: "首页",
    dashboard: "控制台",
    nodes: "节点",
    signIn: "登录",
    signOut: "退出登录",
    register: "注册",
    theme: { system: "主题：跟随系统", light: "主题：浅色", dark: "主题：深色" },
  },

  home: {
    title: "首页",
    headline: "许多人的模型，一个地址。",
    lead: "装有模型的机器主动连接到这个网关，你的程序通过一个兼容 OpenAI 的 API 调用它们全部。",
    nobodyOnline: "目前没有节点在线",
    joinTitle: "如何加入",
    steps: [
      { title: "注册账号", text: "你会得到两个令牌：一个用来调用模型，一个用来接入机器。" },
      {
        title: "调用模型",
        text: "把这个地址和你的密钥交给任意 OpenAI SDK，程序的其他部分无需改动。",
      },
      {
        title: "共享机器",
        text:
          "在 Ollama、vLLM 或某个 API 密钥旁边运行客户端。它只向外连接，无需开放端口，上游密钥也不会离开本机。",
      },
    ],
    picture: (nodes) => `你的程序调用网关，网关调用 ${number.format(nodes)} 个节点`,
    pictureYou: "你的程序",
    pictureGateway: "Co-Link",
    welcome: "欢迎回来",
    checklistTitle: "开始使用",
    checklistDone: "全部完成，网络随你使用。",
    done: "已完成",
    toDo: "待完成",
    checks: {
      online: {
        title: "有模型在线",
        open: "还没有节点接入。共享一台机器，或等待其他人的节点。",
        action: "查看节点",
      },
      called: {
        title: "完成第一次调用",
        open: "从控制台复制现成的命令并运行。",
        action: "获取命令",
      },
      provided: {
        title: "共享一台机器",
        open: "接入一个节点，并用它完成第一次服务。",
        action: "获取配置",
      },
    },
  },

  account: {
    registerTitle: "注册账号",
    registerLead: "只需邮箱和密码，注册后即可调用模型。",
    registerAction: "注册",
    haveAccount: "已有账号？",
    loginTitle: "登录",
    loginAction: "登录",
    noAccount: "还没有账号？",
    sessionEnded: "会话已结束，请重新登录，之后会回到原来的页面。",
    email: "邮箱",
    password: "密码",
    passwordHint: "8 到 72 字节；一句话比一串谜语更好记。",
    showPassword: "显示密码",
    invite: "邀请码",
    inviteHint: "此网关仅对受邀者开放。",
    closedTitle: "注册已关闭",
    closedText: "请向网关的管理者索取账号。",
    problems: {
      emailMissing: "请输入邮箱地址。",
      emailWrong: "这不像是一个邮箱地址。",
      passwordMissing: "请输入密码。",
      passwordShort: "太短：至少需要 8 个字节。",
      passwordLong: (bytes) => `太长：共 ${number.format(bytes)} 字节，最多 72 字节。`,
      inviteMissing: "请输入你收到的邀请码。",
    },
  },

  dashboard: {
    title: "控制台",
    memberSince: (day) => `注册于 ${day}`,
    totals: "总计",
    callsMade: "发起的调用",
    callsMadeHint: "使用你的 API 密钥",
    callsProvided: "提供的调用",
    callsProvidedHint: "由你的节点完成",
    tokensTitle: "令牌",
    apiToken: "API 密钥",
    apiTokenHint: "用来调用模型，在任意 OpenAI SDK 中作为密钥使用。",
    clientToken: "节点令牌",
    clientTokenHint: "用来接入机器，写在 config.yaml 里。",
    rotate: "更换",
    rotated: "新令牌已生效，旧令牌已失效。",
    unreadable: "网关的密钥已更换，此令牌不再有效。请点“更换”获取新的令牌。",
    rotateApi: {
      title: "更换 API 密钥？",
      text: "使用旧密钥的程序会在五秒内停止工作，正在进行的流式回答也会中断。",
    },
    rotateClient: {
      title: "更换节点令牌？",
      text: "使用旧令牌的节点会在五秒内断开，直到你把新令牌写入它们的 config.yaml。",
    },
    callTitle: "调用模型",
    callText: "复制时会填入你的真实密钥。",
    model: "模型",
    language: "语言",
    noModel: "目前没有模型在线，示例中使用占位名称；一旦有模型上线会自动填入。",
    shareTitle: "共享一台机器",
    shareText: "将以下内容保存为客户端旁的 config.yaml，然后启动它。复制时会填入你的令牌。",
    shareRun: "启动客户端",
    upstream: "提供的服务",
  },

  nodes: {
    title: "节点",
    lead: "当前已接入的机器。",
    summary: (busy, slots) => `${number.format(slots)} 个并发位中 ${number.format(busy)} 个使用中`,
    slots: (active, max) => `${number.format(active)} / ${number.format(max)}`,
    slotsLabel: "进行中的调用",
    models: "模型",
    noModels: "未提供模型",
    more: (n) => `另外 ${number.format(n)} 个`,
    fewer: "收起",
    connected: (age) => `${age}接入`,
    states: {
      ready: "就绪",
      busy: "繁忙",
      probing: "试用中",
      penalized: "暂停分配",
      draining: "正在退出",
      paused: "已暂停",
      unapproved: "等待批准",
    },
    causes: {
      ready: "可以接受调用。",
      busy: "并发位已满，新的调用会转到其他节点或排队。",
      probing: "",
      penalized: "",
      draining: "完成进行中的调用，不再接受新的调用。",
      paused: "所有者已将其暂停：恢复之前不会分配调用。",
      unapproved: "管理员批准之前不会分配调用。",
    },
    away: (why, seconds) => `${why}${wait(seconds)}后恢复分配。`,
    tried: (why) => `${why}暂停已结束：每次只分配一个调用，直到有一次成功。`,
    ofModel: (model, text) => `${model}：${text}`,
    unknownReason: "一次调用在此节点上失败。",
    fullStop: "。",
    emptyTitle: "没有已接入的节点",
    emptyText:
      "在装有 Ollama、vLLM、其他模型服务或持有供应商密钥的机器上运行客户端，几秒内就会出现在这里。",
    emptySignedIn: "获取 config.yaml",
    emptySignedOut: "注册账号以添加节点",
    add: "添加节点",
    lost: (age) => `与网关的连接已中断，当前显示的是${age}的数据，正在重试。`,
  },

  notFound: {
    title: "这里什么也没有",
    text: "地址可能有误，或者页面已经移走。",
    action: "回到首页",
  },

  errors: {
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
  },
  retryAfter: (failure, seconds) => `${failure}请在 ${wait(seconds)}后重试。`,
  pageBroke: "页面出错了，请刷新；若再次出现，请告知网关的管理者。",
};
