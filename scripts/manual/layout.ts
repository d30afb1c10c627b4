/** The HTML around a page of the manual. */

import { type Language, type ManualWords, manualWords } from "./contents.ts";
import { attribute, escaped } from "./render.ts";

/** What the build made of the manual's script and styles: paths below the gateway's own, as `assets/…`. */
export interface ManualFiles {
  script: string;
  boot: string;
  styles: string;
  icon: string;
}

export interface Layout {
  language: Language;
  /** Of the page; empty: the list of all. */
  name: string;
  title: string;
  /** HTML. */
  body: string;
  headings: readonly { level: number; id: string; text: string }[];
  chapters: readonly { title: string; pages: readonly PageLink[] }[];
}

interface PageLink {
  name: string;
  title: string;
}

/** Every page lies two folders below the gateway's address: `docs/LANGUAGE/NAME`. */
const UP = "../../";

export function layoutOf(page: Layout, files: ManualFiles): string {
  const { language, name, title, body } = page;
  const t = manualWords[language];
  const other: Language = language === "en" ? "zh" : "en";
  const script = (file: string, attributes = "") =>
    `<script src="${UP}${attribute(file)}"${attributes}></script>`;
  return `<!DOCTYPE html><html lang="${t.lang}"><head><meta charset="utf-8">` +
    `<meta name="viewport" content="width=device-width, initial-scale=1">` +
    `<meta name="color-scheme" content="light dark">` +
    `<title>${escaped(name === "" ? t.title : `${title} · ${t.title}`)} · Co-Link</title>` +
    `<link rel="icon" type="image/svg+xml" href="${UP}${attribute(files.icon)}">` +
    `<link rel="alternate" hreflang="${manualWords[other].lang}" href="../${other}/${name}">` +
    (name === "" ? "" : `<link rel="alternate" type="text/markdown" href="${name}.md">`) +
    script(files.boot) +
    `<link rel="stylesheet" href="${UP}${attribute(files.styles)}">` +
    script(files.script, ` type="module"`) +
    `</head><body>` +
    `<a class="skip" href="#text">${t.skip}</a>` +
    header(t, other, name) +
    `<div class="columns">` +
    `<nav class="contents" aria-label="${t.contents}"><details open><summary>${t.contents}</summary>${
      page.chapters.map((chapter) => chapterOf(chapter, name)).join("")
    }</details></nav>` +
    `<main id="text" tabindex="-1"><article>${body}</article>${footer(page, t)}</main>` +
    onThisPage(page.headings, t) +
    `</div></body></html>`;
}

function header(t: ManualWords, other: Language, name: string): string {
  return `<header class="bar"><a class="brand" href="${UP}">Co-Link</a>` +
    `<a class="manual" href="./">${t.title}</a>` +
    `<search class="search"><input type="search" id="search" autocomplete="off" placeholder="${t.search}"` +
    ` aria-label="${t.search}" aria-controls="results" data-searching="${t.searching}"` +
    ` data-none="${t.nothingFound}" data-failed="${t.searchFailed}" data-copy="${t.copy}"` +
    ` data-copied="${t.copied}"><div id="results" class="results" role="status" hidden></div></search>` +
    `<a href="../${other}/${name}" lang="${manualWords[other].lang}" data-language="${
      manualWords[other].lang
    }">${manualWords[other].name}</a>` +
    `<a href="${UP}">${t.console}</a></header>`;
}

function chapterOf({ title, pages }: Layout["chapters"][number], here: string): string {
  return `<h2>${escaped(title)}</h2><ul>${
    pages.map(({ name, title }) =>
      `<li><a href="${name}"${name === here ? ` aria-current="page"` : ""}>${
        escaped(title)
      }</a></li>`
    ).join("")
  }</ul>`;
}

function onThisPage(headings: Layout["headings"], t: ManualWords): string {
  const listed = headings.filter(({ level }) => level === 2);
  if (listed.length < 2) return "";
  return `<nav class="on-page" aria-label="${t.onThisPage}"><h2>${t.onThisPage}</h2><ul>${
    listed.map(({ id, text }) => `<li><a href="#${attribute(id)}">${escaped(text)}</a></li>`).join(
      "",
    )
  }</ul></nav>`;
}

function footer({ name, chapters }: Layout, t: ManualWords): string {
  if (name === "") return "";
  const pages = chapters.flatMap(({ pages }) => pages);
  const here = pages.findIndex((page) => page.name === name);
  const link = (page: PageLink | undefined, rel: "prev" | "next", word: string) =>
    page === undefined
      ? ""
      : `<a rel="${rel}" href="${page.name}"><small>${word}</small>${escaped(page.title)}</a>`;
  return `<footer>${link(pages[here - 1], "prev", t.previous)}${
    link(pages[here + 1], "next", t.next)
  }<p><a href="${name}.md">${t.markdown}</a></p></footer>`;
}
