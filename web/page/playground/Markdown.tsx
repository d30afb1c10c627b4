/**
 * A model's answer as Markdown. It never becomes HTML: marked only parses it, and the tokens become
 * elements of this page. HTML in the answer is shown as text and pictures as links, so that a model
 * can neither run code here nor learn who reads the answer.
 */

import { type ComponentChildren, h } from "preact";
import { useMemo } from "preact/hooks";
import { Lexer, type MarkedToken, type Token, type Tokens } from "marked";
import { Code } from "../../part/Code.tsx";
import { messages } from "../../state/locale.ts";
import { decoded } from "./entities.ts";
import * as style from "./Markdown.module.css";

export function Markdown({ text }: { text: string }) {
  return (
    <div class={style.markdown} data-part="markdown">
      {new Lexer({ gfm: true }).lex(text).map((token, i) => <Block key={i} token={token} />)}
    </div>
  );
}

/** Memoized, so that a growing answer re-renders only its last block. */
function Block({ token }: { token: Token }) {
  return useMemo(() => <>{rendered(token)}</>, [token.type, token.raw]);
}

type Renderers = {
  [Type in MarkedToken["type"]]: (token: Extract<MarkedToken, { type: Type }>) => ComponentChildren;
};

const renderers: Renderers = {
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
  link: ({ href, tokens }) => <ExternalLink href={href}>{all(tokens)}</ExternalLink>,
  image: ({ href, text }) => (
    <ExternalLink href={href}>{messages.value.playground.picture(text)}</ExternalLink>
  ),
};

function rendered(token: Token): ComponentChildren {
  const renderer = renderers[token.type as MarkedToken["type"]] as
    | ((token: Token) => ComponentChildren)
    | undefined;
  return renderer ? renderer(token) : token.raw;
}

function all(tokens: readonly Token[]): ComponentChildren {
  return tokens.map((token, i) => <Inline key={i} token={token} />);
}

function Inline({ token }: { token: Token }) {
  return <>{rendered(token)}</>;
}

/** Shifted down, because the page uses the upper heading levels. */
function Heading({ depth, children }: { depth: number; children: ComponentChildren }) {
  return h(`h${Math.min(6, depth + 2)}`, null, children);
}

function List({ list: { ordered, start, items } }: { list: Tokens.List }) {
  const lines = items.map((item, i) => <li key={i}>{all(item.tokens)}</li>);
  return ordered ? <ol start={Number(start) || 1}>{lines}</ol> : <ul>{lines}</ul>;
}

function Table({ table: { header, rows } }: { table: Tokens.Table }) {
  return (
    <div class={style.table} tabIndex={0} role="region" aria-label={messages.value.table}>
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

/** A link, if its scheme cannot run code; otherwise its text alone. */
function ExternalLink({ href, children }: { href: string; children: ComponentChildren }) {
  const url = URL.parse(href);
  if (!url || !SAFE.test(url.protocol)) return <>{children}</>;
  return (
    <a href={url.href} target="_blank" rel="noopener noreferrer nofollow" title={url.href}>
      {children}
    </a>
  );
}
