/** The manual's pages in the browser: search, and buttons that copy examples. Pages are read without it, too. */

import { excerptOf, find, type Section } from "./search.ts";

const field = document.querySelector<HTMLInputElement>("#search");
const results = document.querySelector<HTMLElement>("#results");
if (field && results) {
  offerSearch(field, results);
  addCopyButtons(field.dataset);
}
foldContents();
keepLanguage();

function offerSearch(field: HTMLInputElement, results: HTMLElement): void {
  let index: Promise<Section[]> | null = null;
  const load = () => {
    index ??= fetchIndex().catch((error: unknown) => {
      index = null;
      throw error;
    });
    return index;
  };
  // Loaded when somebody is about to search.
  field.addEventListener("focus", () => void load().catch(() => {}));
  field.addEventListener("input", () => void show());
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown") move(event, results, 1);
    else if (event.key === "Enter") results.querySelector("a")?.click();
  });
  results.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") move(event, results, 1);
    else if (event.key === "ArrowUp" && !move(event, results, -1)) field.focus();
    else if (event.key === "Escape") {
      close();
      field.focus();
    }
  });
  results.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("a")) results.hidden = true;
  });
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Node && !results.contains(target) && target !== field) {
      results.hidden = true;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement instanceof HTMLInputElement) return;
    event.preventDefault();
    field.focus();
  });

  function close(): void {
    field.value = "";
    results.hidden = true;
  }

  async function show(): Promise<void> {
    const query = field.value.trim();
    results.hidden = query === "";
    if (query === "") return;
    if (results.childElementCount === 0) say(results, field.dataset.searching);
    try {
      const found = find(await load(), query);
      // Typing went on meanwhile.
      if (field.value.trim() !== query) return;
      if (found.length === 0) say(results, field.dataset.none);
      else list(results, found, query);
    } catch {
      say(results, field.dataset.failed);
    }
  }
}

async function fetchIndex(): Promise<Section[]> {
  const response = await fetch("search.json");
  if (!response.ok) throw new Error(`Cannot load the index: ${response.status}`);
  return await response.json() as Section[];
}

function say(results: HTMLElement, text = ""): void {
  const line = document.createElement("p");
  line.textContent = text;
  results.replaceChildren(line);
}

function list(results: HTMLElement, found: readonly Section[], query: string): void {
  const rows = found.map((section) => {
    const [page, id, pageTitle, title] = section;
    const row = document.createElement("li");
    const link = document.createElement("a");
    link.href = `${page}#${id}`;
    const name = document.createElement("b");
    name.textContent = title === pageTitle ? title : `${pageTitle} › ${title}`;
    const text = document.createElement("span");
    for (const { text: part, isHit } of excerptOf(section, query)) {
      const piece = document.createElement(isHit ? "mark" : "span");
      piece.textContent = part;
      text.append(piece);
    }
    link.append(name, text);
    row.append(link);
    return row;
  });
  const all = document.createElement("ul");
  all.append(...rows);
  results.replaceChildren(all);
}

/** Moves the focus among the results; false: there is none in that direction. */
function move(event: Event, results: HTMLElement, step: 1 | -1): boolean {
  const links = [...results.querySelectorAll("a")];
  const next = links[links.indexOf(document.activeElement as HTMLAnchorElement) + step];
  event.preventDefault();
  next?.focus();
  return next !== undefined;
}

function addCopyButtons({ copy = "", copied = "" }: DOMStringMap): void {
  for (const code of document.querySelectorAll("article pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = copy;
    button.addEventListener("click", async () => {
      if (!await copyText(code.querySelector("code")?.textContent ?? "", code)) return;
      button.textContent = copied;
      setTimeout(() => button.textContent = copy, 2000);
    });
    const frame = document.createElement("div");
    frame.className = "example";
    code.replaceWith(frame);
    frame.append(code, button);
  }
}

/** Over plain HTTP the browser has no clipboard for scripts: the example is selected instead. */
async function copyText(text: string, shown: Element): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return document.execCommand("copy");
  }
}

/** On a narrow screen the list of pages would hide the page. */
function foldContents(): void {
  const list = document.querySelector<HTMLDetailsElement>(".contents details");
  if (list && matchMedia("(max-width: 60rem)").matches) list.open = false;
}

/** The language chosen here is the console's, too. */
function keepLanguage(): void {
  const link = document.querySelector<HTMLAnchorElement>("[data-language]");
  link?.addEventListener("click", () => {
    // Codes are the same in both languages, headings are not.
    if (/^#[a-z_]+$/.test(location.hash)) link.hash = location.hash;
    try {
      localStorage.setItem("colink.locale", link.dataset.language ?? "");
    } catch {
      // The browser blocks storage: the choice holds for this page.
    }
  });
}
