/** What a gateway that starts at a terminal says: its addresses, and the link that makes its administrator. */

export interface GreetingFacts {
  version: string;
  /** The console's, for people: the public one, or one for this machine and one for others. */
  urls: readonly string[];
  /** One for each of them; empty: the gateway has been set up. */
  setupLinks: readonly string[];
  /** The terminal's width. */
  columns: number;
}

const texts = {
  en: {
    console: "Console",
    nodes: "Nodes",
    setup: "Open this link within 30 minutes to become the administrator. It works once.",
    setupOf:
      "Open one of these links within 30 minutes to become the administrator. It works once.",
    account: "Open the console to make an account and copy its API key and node token.",
    stop: "Ctrl-C stops the gateway; again, at once.",
  },
  zh: {
    console: "控制台",
    nodes: "节点",
    setup: "请在 30 分钟内打开此链接，成为管理员。链接只能使用一次。",
    setupOf: "请在 30 分钟内打开其中一个链接，成为管理员。链接只能使用一次。",
    account: "打开控制台创建账号，并复制其中的 API 密钥和节点令牌。",
    stop: "按 Ctrl-C 停止网关；再按一次立即停止。",
  },
};

type Language = keyof typeof texts;

/** The language of a terminal whose environment this is, as far as there is a text in it. */
export function languageOf(env: Readonly<Record<string, string | undefined>>): Language {
  const locale = env.LC_ALL || env.LC_MESSAGES || env.LANG || "";
  return /^zh/i.test(locale) ? "zh" : "en";
}

/** Lines for a terminal. */
export function greeting(facts: GreetingFacts, language: Language): string {
  const { version, urls, setupLinks, columns } = facts;
  const text = texts[language];
  const rows = urls.flatMap((url) => [
    [text.console, url],
    ["API", `${url}/v1`],
    [text.nodes, `${url.replace(/^http/, "ws")}/ws`],
  ]);
  const width = Math.max(...rows.map(([name = ""]) => Bun.stringWidth(name)));
  const addresses = rows.map(([name = "", url]) => `${padded(name, width)}   ${url}`);
  return [
    "",
    `Co-Link ${version}`,
    "",
    ...addresses,
    "",
    ...setupLinks.length > 0 ? setupBox(setupLinks, language, columns).split("\n") : [text.account],
    "",
    text.stop,
    "",
  ].map((line) => line && `  ${line}`).join("\n");
}

/** The links and what they are for, in a box, or between two lines where the terminal is too narrow for one. */
export function setupBox(links: readonly string[], language: Language, columns: number): string {
  const { setup, setupOf } = texts[language];
  const lines = [links.length === 1 ? setup : setupOf, "", ...links];
  const width = Math.max(...lines.map((line) => Bun.stringWidth(line)));
  const rule = "─".repeat(Math.min(width + 2, Math.max(columns - 6, 20)));
  // Two columns of margin and border on each side, and the greeting's own margin.
  if (width + 6 > columns) return [rule, ...lines, rule].join("\n");
  const framed = lines.map((line) => `│ ${padded(line, width)} │`);
  return [`┌${rule}┐`, ...framed, `└${rule}┘`].join("\n");
}

function padded(text: string, width: number): string {
  return text + " ".repeat(width - Bun.stringWidth(text));
}
