/** Texts that several pages share, in simplified Chinese. */

import type { Common } from "../en.ts";
import { number, wait } from "./words.ts";

export const common: Common = {
  languageSwitch: { label: "English", lang: "en" },
  skipToContent: "跳到正文",
  loading: "正在加载…",
  tryAgain: "重试",
  cancel: "取消",
  close: "关闭",
  table: "表格",
  tools: "操作",
  save: "保存",
  licenses: "许可证",
  programmingLanguage: "语言",
  clients: { label: "客户端", libraries: "代码与开发库", programs: "程序" },
  copy: "复制",
  copied: "已复制",
  copyFailed: "复制失败，请手动选中文本复制",
  errorDetails: "错误详情（可发给管理员）",
  show: "显示",
  separator: "、",
  hide: "隐藏",
  online: (nodes, models) =>
    `${number.format(nodes)} 个节点在线，${number.format(models)} 个模型可用`,
  pick: (typed, n) =>
    n === 0
      ? `没有与“${typed}”匹配的项。请输入名称的一部分，或从列表中选择。`
      : `“${typed}”匹配 ${number.format(n)} 项。请输入更多内容，或从列表中选择。`,
  fieldFaults: {
    required: "请填写此项。",
    too_short: (limit) => `太短：至少 ${number.format(limit)} 个字符。`,
    too_long: (limit) => `太长：最多 ${number.format(limit)} 个字符。`,
    too_small: (limit) => `太小：至少为 ${number.format(limit)}。`,
    too_big: (limit) => `太大：最多为 ${number.format(limit)}。`,
    wrong_type: "类型不正确。",
    wrong_format: "格式不正确。",
    not_allowed: "不支持该选项。",
    unknown_field: "无法识别的字段。",
    name_taken: "该名称已被使用，请换一个。",
    unknown_group: (_, names) => `没有分组“${names}”。`,
    unknown_account: (_, names) => `没有账号 ${names}。`,
    only_stars: "除星号外至少还要有一个字符，例如 claude-*。",
    alias_loop: (_, way) => `又指回了自身：${way}`,
    alias_too_long: (limit, way) => `经过的别名超过 ${number.format(limit)} 个：${way}`,
    alias_too_many_models: (limit) => `通向的模型超过 ${number.format(limit)} 个。`,
    own_rights: "不能撤销自己的权限，请由其他管理员操作。",
    own_account: "请在设置页凭密码删除自己的账号。",
    last_administrator: "这是最后一位管理员，请先把其他账号设为管理员。",
    set_by_provider: "此项由登录服务决定，请在那里修改。",
    node_connected: "节点仍在线：请先停止节点程序，或更换其令牌。",
    account_token: "账号自带的密钥不能吊销，只能更换。",
    time_range: (days) => `请选择 ${number.format(days)} 天以内的时间。`,
    wrong_order: "开始时间必须早于结束时间。",
    too_many_days: (days) => `最多选择 ${number.format(days)} 天。`,
  },
  duration: {
    ms: (n) => `${number.format(n)} 毫秒`,
    s: (n) => `${number.format(n)} 秒`,
    min: (n) => `${number.format(n)} 分钟`,
  },
  retryAfter: (failure, seconds) =>
    `${failure.replace(/，请稍后重试。$/, "。")}请在 ${wait(seconds)}后重试。`,
  lost: (age) => `与网关的连接已中断，当前显示的是${age}的数据，正在重试。`,
  otherVersion: "无法加载此页：网关已更新，或暂时无法连接。",
  rowsInView: (rows) =>
    `共 ${number.format(rows)} 行，页面上只有可见的部分；按 Ctrl F（⌘ F）可搜索全部。`,
  loadedRows: (rows, total) =>
    `${total === null ? "" : `共 ${total} 行，`}已加载 ${
      number.format(rows)
    } 行；按 Ctrl F（⌘ F）可搜索其余内容。`,
  reload: "重新加载",
  pageBroke: "页面出错了，请刷新；如再次出现，请联系管理员。",
};
