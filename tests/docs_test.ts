/** The documentation says what the program does: settings, errors, frames, commands, links, both languages. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseConfig } from "../client/config/config.ts";
import { closeError, dialError } from "../client/link/link_error.ts";
import { CloseCode, decode } from "../protocol/mod.ts";
import { contents } from "../scripts/manual/contents.ts";
import { anchorOf, renderPage } from "../scripts/manual/render.ts";
import { at } from "../scripts/root.ts";
import { policyNames, settingsHelp } from "../server/base/config.ts";
import { ConfigError, readConfig } from "../server/base/read_config.ts";
import { errorKinds } from "../server/base/error.ts";
import { outcomes } from "../server/base/outcome.ts";
import { gatewaySpec } from "../server/service.ts";
import { nodeSpec } from "../client/setup/service.ts";
import { unitOf } from "../service/systemd.ts";
import { fenceOf, type Markdown, readMarkdown, withoutComments } from "./harness/markdown.ts";

const english = readMarkdown("README.md");
const chinese = readMarkdown("README.zh-CN.md");
const api = readMarkdown("docs/api.md");
const configuration = readMarkdown("docs/configuration.md");
const errors = readMarkdown("docs/errors.md");
const wire = readMarkdown("docs/wire.md");
const files = [
  ...readdirSync(at(".")).filter((name) => name.endsWith(".md")),
  ...readdirSync(at("docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];
const all = files.map(readMarkdown);

function code(text: string): string {
  return `\`${text}\``;
}

/** The only row that begins with the code; `head`: in tables whose first column has that name. */
function rowOf({ path, tables }: Markdown, first: string, head?: string): string[] {
  const rows = tables.filter(([names]) => head === undefined || names?.[0] === head).flat();
  const found = rows.filter(([cell]) => cell === code(first));
  if (found.length !== 1) throw new Error(`${path}: ${found.length} rows for ${first}, not 1`);
  return found[0]!;
}

/** Name, default and unit of every setting, as `--help` prints them. */
const settings = settingsHelp().split("\n").filter((line) => line.startsWith("  ")).map((line) => {
  const [name = "", fallback = "", unit = ""] = line.trim().split(/\s{2,}/);
  return { name, fallback, unit };
});

for (const { name, fallback, unit } of settings) {
  test(`docs/configuration.md has ${name} with its default and unit`, () => {
    const [, shownFallback, shownUnit] = rowOf(configuration, name);
    expect(shownFallback).toBe(fallback === "(unset)" ? "unset" : code(fallback));
    expect(shownUnit).toBe(unit);
  });
}

test("--help lists the settings in the order and by the sections of docs/configuration.md", () => {
  const documented = readFileSync(at("docs/configuration.md"), "utf8").split("\n").map((line) =>
    /^### (.*)|^\| `([A-Z_]+)`/.exec(line)
  ).map((found) => found?.[1] ?? found?.[2] ?? "");
  const listed = settingsHelp().split("\n").map((line) =>
    /^( {2}[A-Z_]+|\S.*)/.exec(line)?.[0] ?? ""
  );
  const names = listed.filter(Boolean).map((line) => line.trim());
  expect(names).toEqual(
    documented.filter((name, i) => names.includes(name) && documented.indexOf(name) === i),
  );
});

test("docs/configuration.md explains every way to choose a node", () => {
  const page = readFileSync(at("docs/configuration.md"), "utf8");
  const [, , , accepted = ""] = rowOf(configuration, "COLINK_POLICY");
  for (const name of policyNames) {
    expect(accepted).toContain(code(name));
    expect(page).toContain(`\n- ${code(name)}: `);
  }
});

test("the documented bounds of numbers are the ones that are checked", () => {
  const bounded = settings.flatMap(({ name }) => {
    const [, low, high] = /^([\d.]+) – ([\d.]+)$/.exec(rowOf(configuration, name)[3] ?? "") ?? [];
    return low === undefined || high === undefined ? [] : [{ name, low, high }];
  });
  const numbers = settings.filter(({ fallback }) => /^\d+$/.test(fallback));
  expect(bounded).toHaveLength(numbers.length);
  for (const { name, low, high } of bounded) {
    for (const good of [low, high]) {
      expect(`${name}=${good} ${accepts(name, good)}`).toEndWith("true");
    }
    const tooHigh = String(Number(high) + 1);
    expect(`${name}=${tooHigh} ${accepts(name, tooHigh)}`).toEndWith("false");
    if (Number(low) === 0) continue;
    const tooLow = String(Number(low) / 2);
    expect(`${name}=${tooLow} ${accepts(name, tooLow)}`).toEndWith("false");
  }
});

function accepts(name: string, value: string): boolean {
  try {
    // With a secret given, nothing is written to the data folder.
    readConfig({ JWT_SECRET: "0123456789abcdef0123456789abcdef", [name]: value });
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

test("every COLINK_ name in the documentation is one that some part of the product reads", () => {
  const known = new Set(settings.map(({ name }) => name));
  const others = /^COLINK_(API_KEY|CLIENT_LOG_LEVEL|(TEST|RELEASE|BUILD)_[A-Z]+)$/;
  const strays = all.flatMap(({ path }) =>
    [...readFileSync(at(path), "utf8").matchAll(/\bCOLINK_[A-Z_]+\b/g)].map(([name]) => name)
      .filter((name) => !known.has(name) && !others.test(name)).map((name) => `${path}: ${name}`)
  );
  expect(strays).toEqual([]);
});

for (const [errorCode, kind] of Object.entries(errorKinds)) {
  test(`docs/errors.md has ${errorCode} with its status and whether to try again`, () => {
    const [, status, again, cause] = rowOf(errors, errorCode, "code");
    expect(status).toBe(String(kind.status));
    const isVain = kind.retry === "never" || kind.retry === "only elsewhere";
    expect(again).toBe(isVain ? "no" : "yes");
    expect(cause).not.toBe("");
  });
}

test("the units that are shown are the ones that the programs install", () => {
  const env = { JWT_SECRET: crypto.randomUUID() };
  const specs = [
    { ...gatewaySpec(true, env), command: ["/usr/local/bin/colink-server"] },
    {
      ...nodeSpec("/etc/co-link/config.yaml", undefined, true),
      command: ["/usr/local/bin/colink-client", "--config", "/etc/co-link/config.yaml"],
    },
  ];
  for (const page of ["docs/deployment.md", "docs/deployment.zh.md"]) {
    const { fences } = readMarkdown(page);
    expect(fences.map(({ text }) => text).filter((text) => text.includes("[Unit]")))
      .toEqual(specs.map(unitOf));
  }
});

test("the manual has an anchor for each code, to which errors link", () => {
  for (const page of ["docs/errors.md", "docs/errors.zh.md"]) {
    const { html } = renderPage(readFileSync(at(page), "utf8"), "en", () => false);
    const codes = Object.keys(errorKinds);
    expect(codes.filter((one) => !html.includes(`<tr id="${one}">`))).toEqual([]);
  }
});

test("docs/errors.md says which codes have which outcome in the ledger", () => {
  for (const [errorCode, { outcome }] of Object.entries(errorKinds)) {
    const named = Object.keys(outcomes).filter((one) =>
      rowOf(errors, one, "outcome")[1]?.includes(code(errorCode))
    );
    expect([errorCode, ...named]).toEqual(
      outcome === "rejected" ? [errorCode] : [errorCode, outcome],
    );
  }
});

/** The first cells of the table whose head begins with one of these, backticks taken off. */
function firstCells({ path, tables }: Markdown, ...heads: string[]): string[] {
  const table = tables.find(([head]) => heads.includes(head?.[0] ?? ""));
  if (table === undefined) throw new Error(`${path}: no table with ${heads.join(" or ")}`);
  return table.slice(1).map(([cell = ""]) => cell.replaceAll("`", ""));
}

test("the error codes in the pages on troubleshooting exist", () => {
  const codes = Object.keys(errorKinds);
  for (const path of ["docs/troubleshooting.md", "docs/troubleshooting.zh.md"]) {
    const shown = firstCells(readMarkdown(path), "code");
    expect(shown.length).toBeGreaterThan(5);
    expect(shown.filter((one) => !codes.includes(one))).toEqual([]);
  }
});

test("the settings in the READMEs have the defaults of the program", () => {
  for (const readme of [english, chinese]) {
    const shown = firstCells(readme, "setting", "设置");
    expect(shown).toContain("PORT");
    for (const name of shown) {
      const fallback = settings.find((one) => one.name === name)?.fallback ?? "no such setting";
      // What happens without one is said in words.
      if (fallback !== "(unset)") expect(rowOf(readme, name)[1]).toBe(code(fallback));
    }
  }
});

test("the times that the READMEs promise are the program's", () => {
  const promised = [
    ["COLINK_DEADLINE_SECONDS", 30 * 60, /30 minutes|30 分钟/],
    ["COLINK_RESUME_SECONDS", 30, /within 30 seconds|30 秒/],
    ["COLINK_PENALTY_SECONDS", 60, /no calls for a minute|一分钟/],
    ["COLINK_STORED_RESPONSES_SECONDS", 10 * 60, /ten(\.|\s)|十分钟|10 分钟/],
  ] as const;
  for (const [name, seconds, words] of promised) {
    expect([name, Number(settings.find((one) => one.name === name)?.fallback)])
      .toEqual([name, seconds]);
    for (const { path } of [english, chinese]) {
      expect(readFileSync(at(path), "utf8")).toMatch(words);
    }
  }
});

test("each attack that SECURITY.md names is tried by a test that exists", () => {
  const tests = [...readFileSync(at("SECURITY.md"), "utf8").matchAll(/\]\((\S+_test\.ts)\)/g)];
  expect(tests.length).toBeGreaterThan(10);
  for (const [, path] of tests) expect([path, existsSync(at(path!))]).toEqual([path, true]);
});

test("what a client says when it cannot connect is quoted in its own words", () => {
  const dialled = ["200", "401", "404", "502"].map((status) => `status code: ${status}`);
  const broken = ["ECONNREFUSED", "WRONG_VERSION_NUMBER", "ECONNRESET", "self signed"];
  const said = [
    ...[...dialled, ...broken].map((message) => dialError({ message }).reason),
    closeError(CloseCode.revoked, "").reason,
  ];
  // A configuration is complained of by its path, line and column.
  const shown = firstCells(errors, "it says").filter((words) => !words.startsWith("config.yaml:"));
  expect(shown.length).toBeGreaterThan(5);
  for (const words of shown) {
    const known = words.replace(/ …$/, "");
    expect(said.filter((reason) => reason.includes(known))).not.toEqual([]);
  }
});

const translated = [
  [english, chinese],
  ...contents.flatMap(({ pages }) => pages)
    .map((name) => [`docs/${name}.md`, `docs/${name}.zh.md`].map(readMarkdown)),
] as [Markdown, Markdown][];

for (const [inEnglish, inChinese] of translated) {
  test(`${inEnglish.path} and its translation have the same sections`, () => {
    expect(inChinese.headings.map(({ level }) => level)).toEqual(
      inEnglish.headings.map(({ level }) => level),
    );
  });

  // Measurements come and go there, between one edition and the other: only sections are compared.
  if (inEnglish.path === "docs/benchmarks.md") continue;

  test(`${inEnglish.path} and its translation have tables of the same size`, () => {
    const sizes = ({ tables }: Markdown) => tables.map((rows) => rows.map(({ length }) => length));
    expect(sizes(inChinese)).toEqual(sizes(inEnglish));
  });

  test(`${inEnglish.path} and its translation have the same code, but for comments and pictures`, () => {
    const codeOf = ({ fences }: Markdown) =>
      fences.map((fence) => fence.language === "text" ? "a picture" : withoutComments(fence));
    expect(codeOf(inChinese)).toEqual(codeOf(inEnglish));
  });

  test(`${inEnglish.path} and its translation name the same commands, paths, settings and codes`, () => {
    const names = ({ inlineCode }: Markdown) => [...new Set(inlineCode)].sort();
    expect(names(inChinese)).toEqual(names(inEnglish));
  });
}

test("each README has at most 12 KiB, so that it is read", () => {
  for (const { path } of [english, chinese]) {
    const { size } = statSync(at(path));
    expect(`${path}: ${size} bytes, ${size <= 12 * 1024}`).toEndWith("true");
  }
});

const { scripts } = JSON.parse(readFileSync(at("package.json"), "utf8")) as {
  scripts: Record<string, string>;
};

test("every task that the documentation runs exists", () => {
  const run = all.flatMap(({ path }) =>
    [...readFileSync(at(path), "utf8").matchAll(/\bbun(?:@[\d.]+)? run ([a-z:]+)/g)]
      .map(([, name = ""]) => ({ path, name }))
  );
  expect(run.length).toBeGreaterThan(5);
  expect(run.filter(({ name }) => !Object.hasOwn(scripts, name))).toEqual([]);
});

test("CONTRIBUTING.md lists every task, and no other", () => {
  expect(firstCells(readMarkdown("CONTRIBUTING.md"), "task").sort()).toEqual(
    Object.keys(scripts).sort(),
  );
});

test("every relative link leads to a file, and to a heading in it", () => {
  const broken = all.flatMap(({ path, links }) =>
    links.filter((link) => !/^[a-z]+:/.test(link) && !resolves(path, link))
      .map((link) => `${path}: ${link}`)
  );
  expect(broken).toEqual([]);
});

function resolves(from: string, link: string): boolean {
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? from : join(dirname(from), file);
  if (!existsSync(at(path))) return false;
  return anchor === undefined ||
    readMarkdown(path).headings.some(({ text }) => anchorOf(text) === decodeURI(anchor));
}

test("the manual's contents list every page of docs/, once", () => {
  const listed = contents.flatMap(({ pages }) => pages);
  const pages = files.filter((path) => /^docs\/[\w-]+\.md$/.test(path))
    .map((path) => path.slice("docs/".length, -".md".length));
  expect(listed.toSorted()).toEqual(pages.toSorted());
});

test("the manual's contents say of each page what it is about, not that it has another edition", () => {
  const leads = readdirSync(at("docs")).filter((name) => name.endsWith(".md")).map((name) => {
    const source = readFileSync(at("docs", name), "utf8");
    return `${name}: ${renderPage(source, "en", () => false).lead}`;
  });
  expect(leads.filter((lead) => /: (English|简体中文|中文)/.test(lead))).toEqual([]);
});

test("every frame in docs/wire.md is one that the codec reads", () => {
  const frames = wire.fences.filter(({ language }) => language === "json")
    .map(({ text }) => decode(text));
  expect(frames.filter(({ kind }) => kind !== "frame")).toEqual([]);
  const types = frames.map((decoded) => decoded.kind === "frame" && decoded.frame.type);
  expect(new Set(types)).toEqual(new Set(["REGISTER", "CALL", "STREAM", "FINISH", "ERROR"]));
});

test("every close code in docs/wire.md is the protocol's or WebSocket's own", () => {
  const shown = wire.rows.map(([cell]) => Number(cell)).filter((n) => n >= 1000);
  const known: number[] = [...Object.values(CloseCode), 1006, 1009];
  expect(shown.length).toBeGreaterThan(4);
  expect(shown.filter((one) => !known.includes(one))).toEqual([]);
});

test("the configurations that are shown are accepted, once they hold a token", () => {
  const env = { CLIENT_TOKEN: "client-x", OPENAI_API_KEY: "sk-x", ANTHROPIC_API_KEY: "sk-x" };
  const shown = [english, chinese, configuration].flatMap(({ fences }) =>
    fences.filter(({ language }) => language === "yaml")
  );
  expect(shown).toHaveLength(6);
  for (const { text } of shown) {
    const config = parseConfig(text.replace("client-your-token-here", "client-x"), env);
    expect(config.client_token).toBe("client-x");
  }
});

test("the snippets that are run elsewhere can be found", () => {
  for (const language of ["python", "javascript"]) {
    for (const page of [api, wire]) expect(fenceOf(page, language)).not.toBe("");
  }
});

test("every row of the table of faults names a test that there is", () => {
  const table = readMarkdown("docs/scaling.md").tables.find(([head]) => head?.[0] === "what fails");
  const [, ...rows] = table ?? [];
  expect(rows.length).toBeGreaterThan(6);
  for (const [what, , shown = ""] of rows) {
    const named = [
      ...shown.matchAll(/\]\(\.\.\/((?:server|tests)\/[\w/]+\.ts)\)(?:: "([^"]+)")?/g),
    ];
    expect([what, named.length]).not.toEqual([what, 0]);
    for (const [, path = "", name = ""] of named) {
      expect(readFileSync(at(path), "utf8")).toContain(name);
    }
  }
});

test("every file and folder of the sources that the documentation names is there", () => {
  const source = /^(?:api|client|docs|log|protocol|scripts|server|tests|web)\/[\w./-]*$/;
  const named = all.flatMap(({ path, inlineCode }) =>
    inlineCode.filter((code) => source.test(code)).map((code) => ({ path, code }))
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(({ code }) => !existsSync(at(code)))).toEqual([]);
});
