/** docs/ → dist/web/manual/: pages, their Markdown, and the search's index, which the gateway serves under /docs. */

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ADDRESS } from "../../server/http/manual.ts";
import { contents, type Language, manualWords } from "./contents.ts";
import { layoutOf, type ManualFiles } from "./layout.ts";
import { attribute, escaped, type ManualPage, renderPage } from "./render.ts";

const languages: readonly Language[] = ["en", "zh"];

type Pages = ReadonlyMap<string, ManualPage>;

/** Writes the manual into a folder. Resolves with the number of its pages in both languages. */
export async function buildManual(docs: string, out: string, files: ManualFiles): Promise<number> {
  const editions = await readEditions(docs);
  for (const language of languages) {
    const folder = join(out, language);
    await mkdir(folder, { recursive: true });
    for (const [file, text] of filesOf(language, editions, files)) {
      await writeFile(join(folder, file), text);
    }
  }
  await writeFile(join(out, "llms.txt"), llmsText(editions));
  return editions.en.size + editions.zh.size;
}

/** The manual's pages by name, in both languages. */
async function readEditions(docs: string): Promise<Record<Language, Pages>> {
  const names = new Set(await readdir(docs));
  const listed = contents.flatMap(({ pages }) => pages);
  const has = (name: string, language: Language) =>
    listed.includes(name) && names.has(fileOf(name, language));
  const read = async (language: Language): Promise<Pages> => {
    const pages = new Map<string, ManualPage>();
    for (const name of listed.filter((name) => has(name, language))) {
      const source = await readFile(join(docs, fileOf(name, language)), "utf8");
      pages.set(name, renderPage(source, language, has));
    }
    return pages;
  };
  return { en: await read("en"), zh: await read("zh") };
}

function fileOf(name: string, language: Language): string {
  return language === "en" ? `${name}.md` : `${name}.${language}.md`;
}

function filesOf(
  language: Language,
  editions: Record<Language, Pages>,
  files: ManualFiles,
): [file: string, text: string][] {
  const pages = editions[language];
  const chapters = contents.map(({ title, pages: names }) => ({
    title: title[language],
    pages: names.flatMap((name) => {
      const page = pages.get(name);
      return page === undefined ? [] : [{ name, title: page.title }];
    }),
  }));
  const index = layoutOf({
    language,
    name: "",
    title: manualWords[language].title,
    body: indexBody(language, pages),
    headings: [],
    chapters,
  }, files);
  const sections = [...pages].flatMap(([name, page]) =>
    page.sections.map(({ id, title, text }) => [name, id, page.title, title, text])
  );
  return [
    ["index.html", index],
    ["search.json", JSON.stringify(sections)],
    ...[...pages].flatMap(([name, page]): [string, string][] => [
      [
        `${name}.html`,
        layoutOf({
          language,
          name,
          title: page.title,
          body: page.html,
          headings: page.headings,
          chapters,
        }, files),
      ],
      [`${name}.md`, page.markdown],
    ]),
  ];
}

function indexBody(language: Language, pages: Pages): string {
  const { title, lead } = manualWords[language];
  const chapters = contents.map((chapter) => {
    const rows = chapter.pages.flatMap((name) => {
      const page = pages.get(name);
      return page === undefined ? [] : [
        `<li><a href="${attribute(name)}">${escaped(page.title)}</a><p>${
          escaped(page.lead)
        }</p></li>`,
      ];
    });
    return `<h2>${escaped(chapter.title[language])}</h2><ul class="pages">${rows.join("")}</ul>`;
  });
  return `<h1>${escaped(title)}</h1><p>${escaped(lead)}</p>${chapters.join("")}`;
}

/** See https://llmstxt.org: what programs that read documentation look for first. */
function llmsText(editions: Record<Language, Pages>): string {
  const linesOf = (language: Language, names: readonly string[]) =>
    names.flatMap((name) => {
      const page = editions[language].get(name);
      return page === undefined
        ? []
        : [`- [${page.title}](${ADDRESS}/docs/${language}/${name}.md): ${page.lead}`];
    });
  const chapters = contents.map(({ title, pages }) =>
    `## ${title.en}\n\n${linesOf("en", pages).join("\n")}\n`
  );
  return [
    "# Co-Link",
    "> A gateway that offers the models of many people's machines as one OpenAI-compatible API.",
    `This gateway's API is at ${ADDRESS}/v1. Calls need an API key, \`Authorization: Bearer sk-colink-…\`; ` +
    "`GET /v1/models` lists the models.",
    ...chapters,
    `## Optional\n\n${linesOf("zh", [...editions.zh.keys()]).join("\n")}\n`,
  ].join("\n\n").replaceAll("\n\n\n", "\n\n");
}
