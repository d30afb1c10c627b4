import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join } from "node:path";
import { at } from "../../scripts/root.ts";

/** Words that say in Chinese what another word says already, or something else than is meant; `except`: where it is right. */
const otherWords: readonly (readonly [wrong: RegExp, right: string, except?: string])[] = [
  [/词元/, "Token"],
  [/供应商|提供方/, "提供商"],
  [/调用者/, "调用方"],
  [/惩罚|处罚/, "冷却"],
  [/(?<!可)打印/, "输出"],
  [/管理者|操作员|运营者/, "管理员"],
  [/并发位|槽位/, "并发名额"],
  [/试用中/, "恢复观察"],
  [/暂停分配/, "冷却中"],
  [/正在退出/, "正在下线"],
  [/首字节|首字时间/, "首字延迟"],
  [/配置文件(?! ?config\.yaml|（config\.yaml）)/, "环境变量，或配置文件 config.yaml", "client/"],
  [/请求编号/, "请求 ID"],
  [/用户组/, "分组"],
  [/永不到期|从不到期|不会到期/, "永不过期"],
  [/令牌数|令牌\/秒/, "Token"],
  [/账户(?!余额)/, "账号"],
  [/内网穿透(?!。|、|，)/, "主动连出"],
  [/登录提供[方商]|统一登录/, "登录服务"],
  [/机主|主人/, "所有者"],
  [/载入/, "加载"],
  [/用量预算|[日月]预算|(账号|分组|密钥)的预算/, "额度"],
  [/期限/, "超时上限，或有效期"],
  [/[\d几多少}一两三] ?个调用(?!方|者)/, "次调用"],
  [/[一-龥，；、] ?token(?![\w-])|(?<![\w-])token ?[一-龥]/, "Token"],
];

/** English words that name what another word names already, or that no one in the field says. */
const otherEnglish: readonly (readonly [wrong: RegExp, right: string])[] = [
  [/Client-Token(?!:)|client token/, "node token"],
  [/[Cc]alls? a minute/, "calls per minute"],
  [/\bmak(e|es|ing) an account/, "create an account"],
  [/\bfor ever\b/, "permanently, indefinitely"],
  [/\bwhoever runs\b|\bwho runs this gateway\b/, "the administrator"],
  [/\banybody on the way\b/, "anyone on the network"],
  [/\bwaiting line\b/, "queue"],
  [/\bdials? again\b/, "reconnect"],
  [/\bnot mend\b/, "fix"],
  [/[Pp]enalised"/, "Cooling down"],
];

const englishFiles = [
  ...[...new Glob("web/i18n/en/*.ts").scanSync(at("."))],
  "README.md",
  ..."administration api clients configuration console deployment errors getting-started joining sharing troubleshooting"
    .split(" ").map((page) => `docs/${page}.md`),
];

/** Of the manual. A pattern whose braces have a slash in them would find none. */
const documents = [...new Glob("docs/*.zh.md").scanSync(at(".")), "README.zh-CN.md"];

const files = [
  ...[...new Glob("web/i18n/zh/*.ts").scanSync(at("."))],
  ...documents,
  ...[...new Glob("{client,server,service}/{phrases,texts}.ts").scanSync(at("."))],
].sort();

test("one thing has one English word in the console and the manual", async () => {
  const found: string[] = [];
  for (const path of englishFiles) {
    const lines = (await Bun.file(join(at("."), path)).text()).split("\n");
    for (const [i, line] of lines.entries()) {
      for (const [wrong, right] of otherEnglish) {
        if (wrong.test(line)) {
          found.push(`${path}:${i + 1} ${wrong.source} → ${right}: ${line.trim()}`);
        }
      }
    }
  }
  expect(found).toEqual([]);
});

test("no line of a Chinese document is broken, or has a space, between two Chinese characters", async () => {
  const found: string[] = [];
  for (const path of documents) {
    const text = (await Bun.file(join(at("."), path)).text()).replaceAll(/```.*?```/gs, "");
    for (
      const [stray] of text.matchAll(/.{0,9}[一-龥，。；：！？、]\n? *(?<=[\n ])[一-龥].{0,9}/g)
    ) {
      found.push(`${path}: ${stray}`);
    }
  }
  expect(found).toEqual([]);
});

test("one thing has one Chinese word in the console, the documents and the programs", async () => {
  const found: string[] = [];
  for (const path of files) {
    const lines = (await Bun.file(join(at("."), path)).text()).split("\n");
    for (const [i, line] of lines.entries()) {
      for (const [wrong, right, except] of otherWords) {
        if (wrong.test(line) && !(except && path.startsWith(except))) {
          found.push(`${path}:${i + 1} ${wrong.source} → ${right}: ${line.trim()}`);
        }
      }
    }
  }
  expect(found).toEqual([]);
});
