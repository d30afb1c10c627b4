/** Measures a page as it is drawn. Runs in the browser of `bun run screenshots --check`, so it imports nothing. */

/**
 * Content wider than the window, texts that are cut without a way to read them, controls and texts
 * that lie on others, and where `isChinese`, sentences in English. Programs, names and answers of
 * models may be English.
 */
export function drawnFaults(isChinese: boolean): string[] {
  const MAX_TEXTS = 1500;
  const faults = new Set<string>();
  const root: Element = document.querySelector("dialog[open]") ?? document.body;
  const style = (one: Element) => getComputedStyle(one);
  const nameOf = (one: Element) =>
    `${one.tagName.toLowerCase()} "${(one.textContent ?? "").trim().slice(0, 40)}"`;
  const within = (one: Element | null, is: (one: Element) => boolean): Element | null => {
    for (let at = one; at !== null; at = at.parentElement) if (is(at)) return at;
    return null;
  };
  const clips = (one: Element) => style(one).overflowX !== "visible";
  const floats = (one: Element) => ["fixed", "sticky"].includes(style(one).position);
  const isDrawn = (one: Element) =>
    one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) &&
    // What only screen readers have is clipped to nothing.
    within(one, (at) => clips(at) && style(at).clipPath !== "none") === null;

  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) faults.add(`scrolls sideways: ${scrollWidth} of ${innerWidth}`);

  const texts: { one: Element; box: DOMRect; text: string }[] = [];
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walk.nextNode() && texts.length < MAX_TEXTS) {
    const { currentNode: node } = walk;
    const one = node.parentElement;
    const text = (node.nodeValue ?? "").trim();
    if (text === "" || one === null || !isDrawn(one) || one.closest("option, svg")) continue;
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) texts.push({ one, box, text });
    const scrolls = within(one, (at) => ["auto", "scroll"].includes(style(at).overflowX));
    if (scrolls === null && range.getBoundingClientRect().right > innerWidth + 1) {
      const hides = within(one, (at) => at !== document.body && clips(at));
      if (hides === null) faults.add(`is beyond the window: ${nameOf(one)}`);
    }
    const cut = within(one, (at) => ["hidden", "clip"].includes(style(at).overflowX));
    if (cut !== null && cut.scrollWidth > cut.clientWidth + 1 && cut.clientWidth > 1) {
      const isTold = within(one, (at) => at.hasAttribute("title")) !== null;
      if (!isTold && !scrolls) faults.add(`is cut: ${nameOf(cut)}`);
    }
    const isProgram =
      one.closest("code, pre, kbd, samp, th, [lang=en], [data-part=markdown]") !== null;
    if (isChinese && !isProgram && /(?:\b[A-Za-z][a-z']+ ){3,}[a-z']+/.test(text)) {
      faults.add(`is English: ${text.slice(0, 80)}`);
    }
  }

  const overlap = (a: DOMRect, b: DOMRect) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  const related = (a: Element, b: Element) => a.contains(b) || b.contains(a);
  const still = texts.filter(({ one }) => within(one, floats) === null);
  still.sort((a, b) => a.box.top - b.box.top);
  for (const [i, a] of still.entries()) {
    for (let j = i + 1; j < still.length && still[j]!.box.top < a.box.bottom - 3; j++) {
      const b = still[j]!;
      if (a.one === b.one || !overlap(a.box, b.box)) continue;
      // Of what scrolls inside the page, only a part is drawn.
      const scrolled = (one: Element) => within(one, (at) => at !== document.body && clips(at));
      if (scrolled(a.one) !== scrolled(b.one)) continue;
      faults.add(`lies on another text: ${nameOf(a.one)} and ${nameOf(b.one)}`);
    }
  }
  const controls = [...root.querySelectorAll("a, button, input, select, textarea, summary")]
    .filter((one) => isDrawn(one) && within(one, floats) === null)
    .map((one) => ({ one, box: one.getBoundingClientRect() }));
  for (const [i, a] of controls.entries()) {
    for (const b of controls.slice(i + 1)) {
      if (related(a.one, b.one) || !overlap(a.box, b.box)) continue;
      // A field may have its button, and a row its link, as a layer above it.
      const isLayer = style(b.one).position !== "static" || style(a.one).position !== "static";
      if (!isLayer) faults.add(`lies on another control: ${nameOf(a.one)} and ${nameOf(b.one)}`);
    }
  }
  return [...faults];
}
