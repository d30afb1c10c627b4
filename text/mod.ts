/**
 * The texts that a program shows at a terminal, in English or Chinese. A text stands in English where it
 * is used, as t`Cannot open ${file}`; the program's table holds its Chinese under "Cannot open {0}".
 */

import { filled, inChineseOf } from "./phrases.ts";

export type Texts = (parts: TemplateStringsArray, ...values: unknown[]) => string;

export type Env = Readonly<Record<string, string | undefined>>;

/** `chinese`: by the English text, with `{0}`, `{1}` … in the place of its values. */
export function textsOf(
  chinese: Readonly<Record<string, string>>,
  env: Env = process.env,
): Texts {
  return speaksChinese(env)
    ? (parts, ...values) => filled(chinese[keyOf(parts)] ?? keyOf(parts), values)
    : (parts, ...values) => filled(keyOf(parts), values);
}

/**
 * Marks a text that is made in English, for a log or another process, and may later be shown at a
 * terminal: `shownOf` knows its Chinese.
 */
export function phrase(parts: TemplateStringsArray, ...values: unknown[]): string {
  return filled(keyOf(parts), values);
}

/**
 * Shows a phrase in the language of the terminal, with the phrases that are its values. Words before
 * a phrase, such as a place in a file, stay as they are; so does a text that is no phrase.
 */
export function shownOf(
  chinese: Readonly<Record<string, string>>,
  env: Env = process.env,
): (text: string) => string {
  if (!speaksChinese(env)) return (text) => text;
  return inChineseOf(chinese);
}

function keyOf(parts: readonly string[]): string {
  return parts.map((part, i) => i === 0 ? part : `{${i - 1}}${part}`).join("");
}

/** COLINK_LANGUAGE decides, else the locale as POSIX orders its variables; on Windows, where none is set, the system's. */
export function speaksChinese(env: Env): boolean {
  const named = env.COLINK_LANGUAGE || env.LC_ALL || env.LC_MESSAGES || env.LANG;
  return /^zh\b|^zh[_-]/i.test(named || systemLocale());
}

function systemLocale(): string {
  return process.platform === "win32" ? Intl.DateTimeFormat().resolvedOptions().locale : "";
}
