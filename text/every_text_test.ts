import { expect, test } from "bun:test";
import { parse } from "@babel/parser";
import { Glob } from "bun";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chinese as ofClient } from "../client/texts.ts";
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
function textsIn(room: string): Set<string> {
  const found = new Set<string>();
  for (const file of new Glob(`${room}/**/*.ts`).scanSync(root)) {
    if (file.endsWith("_test.ts")) continue;
    const source = readFileSync(join(root, file), "utf8");
    if (!/\bt`/.test(source)) continue;
    collect(parse(source, { sourceType: "module", plugins: ["typescript"] }).program, found);
  }
  return found;
}

function collect(node: unknown, found: Set<string>): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) return node.forEach((one) => collect(one, found));
  const { type, tag, quasi } = node as {
    type?: string;
    tag?: { name?: string };
    quasi?: { quasis: { value: { cooked: string } }[] };
  };
  if (type === "TaggedTemplateExpression" && tag?.name === "t") {
    const parts = quasi!.quasis.map(({ value }) => value.cooked);
    found.add(parts.map((part, i) => i === 0 ? part : `{${i - 1}}${part}`).join(""));
  }
  for (const [key, child] of Object.entries(node)) if (key !== "loc") collect(child, found);
}
