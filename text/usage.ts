/** The words that citty adds to a command's help, in the reader's language. */

import { type Env, speaksChinese } from "./mod.ts";

const headings: Readonly<Record<string, string>> = {
  USAGE: "用法",
  COMMANDS: "命令",
  ARGUMENTS: "参数",
  OPTIONS: "选项",
};

/** `usage` is what citty's `renderUsage` returns. */
export function translatedUsage(usage: string, env: Env = process.env): string {
  if (!speaksChinese(env)) return usage;
  return usage
    .replaceAll(/(USAGE|COMMANDS|ARGUMENTS|OPTIONS)\b/g, (heading) => headings[heading]!)
    .replaceAll(
      /\((?:(Required)|Default: (.*?))\)/g,
      (_, required?: string, value?: string) =>
        required === undefined ? `（默认：${value}）` : "（必填）",
    )
    .replace(
      /Use (.*--help.*) for more information about a command\./,
      (_, example: string) => `用 ${example} 查看某个命令的详情。`,
    );
}
