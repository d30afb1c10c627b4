/** The manual's pages in their order, and the words around them in both languages. */

export type Language = "en" | "zh";

interface Chapter {
  title: Readonly<Record<Language, string>>;
  /** Files of docs/ without `.md`. A test compares them with the folder. */
  pages: readonly string[];
}

export const contents: readonly Chapter[] = [
  {
    title: { en: "Start", zh: "开始" },
    pages: ["getting-started", "troubleshooting"],
  },
  {
    title: { en: "Call models", zh: "调用模型" },
    pages: ["api", "clients", "errors", "resuming", "compatibility"],
  },
  {
    title: { en: "Share models", zh: "共享模型" },
    pages: ["joining", "sharing"],
  },
  {
    title: { en: "Run a gateway", zh: "运行网关" },
    pages: [
      "deployment",
      "configuration",
      "administration",
      "console",
      "monitoring",
      "scaling",
      "scheduling",
    ],
  },
  {
    title: { en: "Inside", zh: "内部原理" },
    pages: ["architecture", "console-api", "wire", "wire-v2", "benchmarks", "soak"],
  },
];

export interface ManualWords {
  /** Of the HTML page. */
  lang: string;
  title: string;
  lead: string;
  search: string;
  searching: string;
  nothingFound: string;
  searchFailed: string;
  contents: string;
  onThisPage: string;
  console: string;
  markdown: string;
  copy: string;
  copied: string;
  skip: string;
  previous: string;
  next: string;
  /** What this edition is called in the other. */
  name: string;
}

export const manualWords: Readonly<Record<Language, ManualWords>> = {
  en: {
    lang: "en",
    title: "Manual",
    lead: "How to use, run and extend this gateway. The examples show its own address.",
    search: "Search the manual",
    searching: "Loading the index …",
    nothingFound: "No results.",
    searchFailed: "The index could not be loaded. Reload the page.",
    contents: "Contents",
    onThisPage: "On this page",
    console: "Console",
    markdown: "As Markdown",
    copy: "Copy",
    copied: "Copied",
    skip: "Skip to the text",
    previous: "Previous",
    next: "Next",
    name: "English",
  },
  zh: {
    lang: "zh-CN",
    title: "使用手册",
    lead: "如何使用、运行和扩展这个网关。示例中的地址就是此网关的地址。",
    search: "搜索手册",
    searching: "正在加载索引……",
    nothingFound: "没有匹配的结果。",
    searchFailed: "索引加载失败，请刷新页面。",
    contents: "目录",
    onThisPage: "本页内容",
    console: "控制台",
    markdown: "Markdown 原文",
    copy: "复制",
    copied: "已复制",
    skip: "跳到正文",
    previous: "上一页",
    next: "下一页",
    name: "中文",
  },
};
