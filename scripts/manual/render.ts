/** One file of docs/ as a page of the manual: HTML, sections for the search, and Markdown for programs. */

import { Marked, type Token, type Tokens } from "marked";
import { ADDRESS, NODE_ADDRESS } from "../../server/http/manual.ts";
import type { Language } from "./contents.ts";

export interface ManualPage {
  title: string;
  /** Its first sentence. */
  lead: string;
  html: string;
  markdown: string;
  headings: Heading[];
  sections: Section[];
}

interface Heading {
  level: number;
  id: string;
  text: string;
}

/** What the search looks through. */
interface Section {
  id: string;
  title: string;
  text: string;
}

/** Whether the manual has a page of docs/ in a language. */
export type HasPage = (name: string, language: Language) => boolean;

/** Renders the text of a file of docs/. Links to other pages are relative: see `addressOf`. */
export function renderPage(source: string, language: Language, hasPage: HasPage): ManualPage {
  const markdown = withAddresses(withoutMargin(source));
  const anchors = new Set<string>();
  const headings: Heading[] = [];
  const sections: Section[] = [];
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }) {
        const id = unique(anchorOf(plain(tokens)), anchors);
        headings.push({ level: depth, id, text: plain(tokens) });
        return `<h${depth} id="${attribute(id)}">${this.parser.parseInline(tokens)}${
          depth === 1
            ? ""
            : ` <a class="anchor" href="#${attribute(id)}" aria-hidden="true" tabindex="-1">#</a>`
        }</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        const address = addressOf(href, language, hasPage);
        return address === null ? text : `<a href="${attribute(address)}">${text}</a>`;
      },
      image: ({ text }) => escaped(text),
      table(token) {
        const head = token.header.map((cell) => cellOf(this.parser.parseInline(cell.tokens), "th"));
        const rows = token.rows.map((row) => {
          const code = rowCode(row);
          // An error's row is what its link leads to.
          const isNew = code !== null && !anchors.has(code);
          if (isNew) anchors.add(code);
          const cells = row.map((cell) => cellOf(this.parser.parseInline(cell.tokens), "td"));
          return `<tr${isNew ? ` id="${attribute(code)}"` : ""}>${cells.join("")}</tr>`;
        });
        return `<div class="table" tabindex="0"><table><thead><tr>${
          head.join("")
        }</tr></thead><tbody>${rows.join("\n")}</tbody></table></div>\n`;
      },
    },
  });
  const tokens = marked.lexer(language === "zh" ? withoutSoftBreaks(markdown) : markdown);
  // Wide examples are scrolled by keyboard, too.
  const html = marked.parser(tokens).replaceAll("<pre><code", `<pre tabindex="0"><code`);
  collectSections(tokens, headings, sections);
  return {
    title: headings[0]?.text ?? "",
    lead: leadOf(tokens),
    html,
    markdown,
    headings,
    sections,
  };
}

/** The fragment by which hosts of Markdown link to a heading. */
export function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");
}

function leadOf(tokens: readonly Token[]): string {
  const first = tokens.find(({ type }) => type === "paragraph") as Tokens.Paragraph | undefined;
  const text = plain(first?.tokens ?? []).replaceAll(/\s+/g, " ");
  return /^.*?(?:[.:](?= |$)|[。：])/.exec(text)?.[0].replace(/[:：]$/, "") ?? text;
}

function unique(anchor: string, taken: Set<string>): string {
  let free = anchor;
  for (let n = 1; taken.has(free); n++) free = `${anchor}-${n}`;
  taken.add(free);
  return free;
}

/**
 * Addresses that stand for the gateway's in docs/. Those of this machine stand for it where a caller
 * uses them, followed by a path of the API, not in the settings of a proxy before it.
 */
function withAddresses(markdown: string): string {
  return markdown
    .replaceAll(/https:\/\/(?:gateway\.example|co-link\.example\.com)(?![\w.-])/g, ADDRESS)
    .replaceAll(/wss:\/\/(?:gateway\.example|co-link\.example\.com)(?![\w.-])/g, NODE_ADDRESS)
    .replaceAll(/http:\/\/127\.0\.0\.1:8080(?=\/(?:v1|api)\b)/g, ADDRESS)
    .replaceAll(/ws:\/\/127\.0\.0\.1:8080(?=\/ws\b)/g, NODE_ADDRESS);
}

/** Drops remarks for those who edit the file, and the link to the other edition, which every page has. */
function withoutMargin(markdown: string): string {
  return markdown.replaceAll(/^<!--[\s\S]*?-->\n+/gm, "")
    .replace(/^\[(?:English|中文|简体中文)\]\([\w-]+(?:\.zh)?\.md\)\n+/m, "");
}

const WIDE = "[\\u3000-\\u30ff\\u4e00-\\u9fff\\uff00-\\uffef“”‘’…—]";
const SOFT_BREAK = new RegExp(`(${WIDE}) *\\n *(?=${WIDE})`, "g");

/** A browser would show a space where a line of Chinese was broken. */
function withoutSoftBreaks(markdown: string): string {
  return markdown.split(/(^```[\s\S]*?^```)/m)
    .map((part) => part.startsWith("```") ? part : part.replaceAll(SOFT_BREAK, "$1"))
    .join("");
}

/**
 * Where a link of docs/ leads in the manual, whose pages lie at `docs/LANGUAGE/NAME`: to the page in the
 * reader's language where there is one. Null: to a file that the manual does not have.
 */
function addressOf(href: string, language: Language, hasPage: HasPage): string | null {
  if (/^(?:https?:|mailto:|#)/.test(href) || href.startsWith(ADDRESS)) return href;
  const [, name = "", edition, fragment = ""] = /^(?:\.\/)?([\w-]+)(\.zh)?\.md(#.*)?$/.exec(href) ??
    [];
  const linked: Language = edition === undefined ? "en" : "zh";
  if (name === "" || !hasPage(name, linked)) return null;
  // A Chinese page that links an English one means its text, whose fragments differ.
  const chosen = linked === language || fragment !== "" || !hasPage(name, language)
    ? linked
    : language;
  return `${chosen === language ? "" : `../${chosen}/`}${name}${fragment}`;
}

/** The code that a row of a table is about. */
function rowCode([first]: Tokens.TableCell[]): string | null {
  const [, code = null] = /^`([a-z]+(?:_[a-z]+)+)`$/.exec(first?.text.trim() ?? "") ?? [];
  return code;
}

function cellOf(html: string, tag: "td" | "th"): string {
  return `<${tag}>${html}</${tag}>`;
}

/** Adds the text below each heading, and each row that has an anchor of its own. */
function collectSections(tokens: Token[], headings: readonly Heading[], sections: Section[]): void {
  let next = 0;
  for (const token of tokens) {
    if (token.type === "heading") {
      const { id, text } = headings[next++]!;
      sections.push({ id, title: text, text: "" });
      continue;
    }
    const section = sections.at(-1);
    if (section === undefined) continue;
    if (token.type !== "table") {
      section.text += `${textOf(token)} `;
      continue;
    }
    for (const row of (token as Tokens.Table).rows) {
      const text = row.map(({ tokens }) => plain(tokens)).join(" · ");
      const code = rowCode(row);
      if (code === null) section.text += `${text} `;
      else sections.splice(-1, 0, { id: code, title: code, text });
    }
  }
  for (const section of sections) section.text = section.text.replaceAll(/\s+/g, " ").trim();
}

function textOf(token: Token): string {
  if (token.type === "list") {
    return (token as Tokens.List).items.map(({ tokens }) => tokens.map(textOf).join(" ")).join(" ");
  }
  if (token.type === "blockquote") return (token.tokens ?? []).map(textOf).join(" ");
  if ("tokens" in token && token.tokens !== undefined) return plain(token.tokens);
  return "text" in token && token.type !== "html" ? token.text : "";
}

/** What is read of a line, without its marks. */
function plain(tokens: readonly Token[]): string {
  return tokens.map((token) => {
    if (token.type === "codespan" || token.type === "escape") return token.text;
    if ("tokens" in token && token.tokens !== undefined) return plain(token.tokens);
    return token.type === "html" ? "" : unescaped("text" in token ? token.text : " ");
  }).join("");
}

function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function attribute(text: string): string {
  return escaped(text).replaceAll('"', "&quot;");
}
