/** Components as they are first drawn, for unit tests without a page. Effects do not run. */

import { type ComponentType, h } from "preact";
import { renderToString } from "preact-render-to-string";

/** As HTML. */
export function drawn<P extends object>(component: ComponentType<P>, props: P): string {
  return renderToString(h(component, props));
}

/** What of it is text, in words and spaces. */
export function textOf(html: string): string {
  return html.replace(/<[^>]*>/g, " ").replaceAll("&amp;", "&").replace(/\s+/g, " ").trim();
}
