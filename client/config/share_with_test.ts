import { expect, test } from "bun:test";
import { ConfigError, parseConfig } from "./config.ts";

const head = `client_token: client-0123
server_url: ws://127.0.0.1:1/ws
providers: [{ type: openai, base_url: "http://127.0.0.1:2/v1", models: [{ local: m }] }]
`;

function problems(sharing: string): readonly string[] {
  try {
    parseConfig(`${head}${sharing}`, {});
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

test("share_with is everyone, me, or a list of groups and users", () => {
  expect(problems("share_with: everyone\n")).toEqual([]);
  expect(problems("share_with: me\n")).toEqual([]);
  const { share_with } = parseConfig(
    `${head}share_with: [group:lab, "group:Labor für Ähren", user:ann@example.com]\n`,
    {},
  );
  expect(share_with).toEqual(["group:lab", "group:Labor für Ähren", "user:ann@example.com"]);
});

test("each wrong value of share_with is named with its line, its column and what it must be", () => {
  const what = "must be everyone, me, or a list such as [group:lab, user:ann@example.com]";
  expect(problems("share_with: lab\n")).toEqual([`config.yaml:4:13: share_with ${what}`]);
  expect(problems("share_with: []\n")).toEqual([`config.yaml:4:13: share_with ${what}`]);
  expect(problems("share_with: { group: lab }\n")).toEqual([
    `config.yaml:4:13: share_with ${what}`,
  ]);
  expect(problems("share_with: [group:lab, lab, group:lab]\n")).toEqual([
    "config.yaml:4:25: share_with[1] must be group:NAME or user:E-MAIL",
    "config.yaml:4:30: share_with[2] is named twice",
  ]);
  expect(problems("share_with: [user:ann, 'group: lab', 7]\n")).toEqual([
    "config.yaml:4:14: share_with[0] must be user:E-MAIL",
    "config.yaml:4:24: share_with[1] must be group:NAME or user:E-MAIL",
    "config.yaml:4:38: share_with[2] must be group:NAME or user:E-MAIL",
  ]);
  expect(problems("share_with: [me, group:lab]\n")).toEqual([
    "config.yaml:4:14: share_with[0] stands alone: write share_with: me; your own calls may come in any case",
  ]);
  const many = Array.from({ length: 21 }, (_, i) => `group:g${i}`).join(", ");
  expect(problems(`share_with: [${many}]\n`)).toEqual([
    "config.yaml:4:13: share_with must name at most 20 groups and users",
  ]);
  expect(problems("share_wiht: me\n")).toEqual([
    "config.yaml:4:1: share_wiht is not known; did you mean share_with?",
  ]);
});
