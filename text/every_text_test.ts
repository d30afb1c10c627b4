import { expect, test } from "bun:test";
import { parse } from "@babel/parser";
import { Glob } from "bun";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { phrases } from "../client/phrases.ts";
import { chinese as ofClient } from "../client/texts.ts";
import { nodeMessages } from "../protocol/node_message.ts";
import { MODEL_NAME_RULE } from "../protocol/model_name.ts";
import { MAX_SHARED_WITH, shareWithProblems } from "../protocol/share_with.ts";
import { VISIBLE_NAME_RULE } from "../protocol/visible_name.ts";
import { chinese as ofServer } from "../server/texts.ts";
import { chinese as ofService } from "../service/texts.ts";

const root = join(import.meta.dir, "..");
const rooms: [room: string, chinese: Readonly<Record<string, string>>][] = [
  ["client", ofClient],
  ["server", ofServer],
  ["service", ofService],
];

for (const [room, chinese] of rooms) {
  test(`every text that ${room}/ shows at a terminal has its Chinese, and no Chinese is left over`, () => {
    expect(Object.keys(chinese).toSorted()).toEqual([...textsIn(room)].toSorted());
  });

  test(`the Chinese texts of ${room}/ have the values of the English ones`, () => {
    const values = (text: string) => [...new Set(text.match(/\{\d\}/g))].toSorted().join(" ");
    const strays = Object.entries(chinese).filter(([english, text]) =>
      values(english) !== values(text)
    );
    expect(strays).toEqual([]);
  });
}

test("every phrase that client/ makes has its Chinese, and no Chinese is left over", () => {
  const made = textsIn("client", "phrase");
  expect(Object.keys(phrases).toSorted()).toEqual([...made, ...rules].toSorted());
});

/** What protocol/, which imports nothing, says of names, of `share_with` and of pauses. */
const rules: readonly string[] = [
  ...Object.values(nodeMessages).map((text) => text.replace("{}", "{0}")),
  VISIBLE_NAME_RULE,
  MODEL_NAME_RULE,
  ...new Set([
    ["x", "me", "everyone", "group:a", "group:a", "group:\u200b", "user:x"],
    Array.from({ length: MAX_SHARED_WITH + 1 }, () => "group:a"),
    [],
  ].flatMap((value) => shareWithProblems(value).map(({ message }) => message))),
].filter((text) => text !== `must be ${VISIBLE_NAME_RULE}`);

/** Files whose words all go to a person at a terminal; others have words for logs, reports and the gateway too. */
const terminalFiles = [
  "server/admin.ts",
  "server/base/config.ts",
  "server/base/database_url.ts",
  "server/base/kept_secret.ts",
  "server/base/redis_url.ts",
  "server/base/service_url.ts",
  "server/base/setting.ts",
  "client/setup/start.ts",
  "client/setup/init.ts",
];

test("no text of a command is left out of translation", () => {
  const untagged = terminalFiles.flatMap((file) => {
    const source = readFileSync(join(root, file), "utf8");
    const found: string[] = [];
    collectUntagged(
      parse(source, { sourceType: "module", plugins: ["typescript"] }).program,
      found,
    );
    return found.map((text) => `${file}: ${text}`);
  });
  expect(untagged).toEqual([]);
});

/** Collects the strings with two words or more that are not in t`…`. */
function collectUntagged(node: unknown, found: string[]): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) return node.forEach((one) => collectUntagged(one, found));
  const { type, tag, quasi, value } = node as {
    type?: string;
    tag?: { name?: string };
    quasi?: { expressions: unknown[] };
    value?: string | { cooked: string };
  };
  if (type === "TaggedTemplateExpression" && tag?.name === "t") {
    return collectUntagged(quasi!.expressions, found);
  }
  const text = type === "StringLiteral"
    ? value as string
    : type === "TemplateElement"
    ? (value as { cooked: string }).cooked
    : "";
  if (/[a-z]{2,}[ \t]+[a-z]{2,}/i.test(text) || /[ \t][a-z]{3,}[ \t]*$/i.test(text)) {
    found.push(text);
  }
  for (const [key, child] of Object.entries(node)) {
    if (key !== "loc" && key !== "extra") collectUntagged(child, found);
  }
}

/** What stands in t`…`, as the tables name it. */
function textsIn(room: string, tagName = "t"): Set<string> {
  const found = new Set<string>();
  for (const file of new Glob(`${room}/**/*.ts`).scanSync(root)) {
    if (file.endsWith("_test.ts")) continue;
    const source = readFileSync(join(root, file), "utf8");
    if (!new RegExp(`\\b${tagName}\``).test(source)) continue;
    collect(
      parse(source, { sourceType: "module", plugins: ["typescript"] }).program,
      tagName,
      found,
    );
  }
  return found;
}

function collect(node: unknown, tagName: string, found: Set<string>): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) return node.forEach((one) => collect(one, tagName, found));
  const { type, tag, quasi } = node as {
    type?: string;
    tag?: { name?: string };
    quasi?: { quasis: { value: { cooked: string } }[] };
  };
  if (type === "TaggedTemplateExpression" && tag?.name === tagName) {
    const parts = quasi!.quasis.map(({ value }) => value.cooked);
    found.add(parts.map((part, i) => i === 0 ? part : `{${i - 1}}${part}`).join(""));
  }
  for (const [key, child] of Object.entries(node)) {
    if (key !== "loc") collect(child, tagName, found);
  }
}
