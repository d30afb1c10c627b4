/**
 * A model's words as Markdown. They are never made into HTML: marked only takes them apart, and what
 * it finds becomes elements of this page. HTML in them is shown as the text that it is, and pictures
 * as links, so that a model can neither run anything here nor learn who reads.
 */

import { type ComponentChildren, h } from "preact";
import { useMemo } from "preact/hooks";
import { Lexer, type MarkedToken, type Token, type Tokens } from "marked";
import { Code } from "../../part/Code.tsx";
import { messages } from "../../state/locale.ts";
import { decoded } from "./entities.ts";

export function Markdown({ text }: { text: string }) {
  return (
    <div class="markdown">
      {new Lexer({ gfm: true }).lex(text).map((token, i) => <Block key={i} token={token} />)}
    </div>
  );
}

/** While an answer grows, only its last block is drawn anew. */
function Block({ token }: { token: Token }) {
  return useMemo(() => <>{drawn(token)}</>, [token.type, token.raw]);
}

type Drawing = {
  [Type in MarkedToken["type"]]: (token: Extract<MarkedToken, { type: Type }>) => ComponentChildren;
};

const drawings: Drawing = {
  space: () => null,
  def: () => null,
  paragraph: ({ tokens }) => <p>{all(tokens)}</p>,
  heading: ({ depth, tokens }) => <Heading depth={depth}>{all(tokens)}</Heading>,
  blockquote: ({ tokens }) => <blockquote>{all(tokens)}</blockquote>,
  code: ({ lang, text }) => <Code title={lang || messages.value.playground.code} shown={text} />,
  hr: () => <hr />,
  list: (list) => <List list={list} />,
  list_item: ({ tokens }) => <li>{all(tokens)}</li>,
  checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  table: (table) => <Table table={table} />,
  html: ({ raw }) => raw,
  text: ({ text, tokens }) => (tokens ? all(tokens) : decoded(text)),
  escape: ({ text }) => text,
  strong: ({ tokens }) => <strong>{all(tokens)}</strong>,
  em: ({ tokens }) => <em>{all(tokens)}</em>,
  del: ({ tokens }) => <del>{all(tokens)}</del>,
  codespan: ({ text }) => <code>{text}</code>,
  br: () => <br />,
  link: ({ href, tokens }) => <Away href={href}>{all(tokens)}</Away>,
  image: ({ href, text }) => <Away href={href}>{messages.value.playground.picture(text)}</Away>,
};

function drawn(token: Token): ComponentChildren {
  const drawing = drawings[token.type as MarkedToken["type"]] as
    | ((token: Token) => ComponentChildren)
    | undefined;
  return drawing ? drawing(token) : token.raw;
}

function all(tokens: readonly Token[]): ComponentChildren {
  return tokens.map((token, i) => <Inline key={i} token={token} />);
}

function Inline({ token }: { token: Token }) {
  return <>{drawn(token)}</>;
}

/** The page has headings of its own above: a model's begin below them. */
function Heading({ depth, children }: { depth: number; children: ComponentChildren }) {
  return h(`h${Math.min(6, depth + 2)}`, null, children);
}

function List({ list: { ordered, start, items } }: { list: Tokens.List }) {
  const lines = items.map((item, i) => <li key={i}>{all(item.tokens)}</li>);
  return ordered ? <ol start={Number(start) || 1}>{lines}</ol> : <ul>{lines}</ul>;
}

function Table({ table: { header, rows } }: { table: Tokens.Table }) {
  return (
    <div class="markdown-table" tabIndex={0} role="region" aria-label={messages.value.table}>
      <table>
        <thead>
          <tr>{header.map((cell, i) => <th key={i} scope="col">{all(cell.tokens)}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>{row.map((cell, j) => <td key={j}>{all(cell.tokens)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const SAFE = /^(https?|mailto):$/;

/** A link to elsewhere, where it is one that cannot run anything; else its words alone. */
function Away({ href, children }: { href: string; children: ComponentChildren }) {
  const url = URL.parse(href);
  if (!url || !SAFE.test(url.protocol)) return <>{children}</>;
  return (
    <a href={url.href} target="_blank" rel="noopener noreferrer nofollow" title={url.href}>
      {children}
    </a>
  );
}
