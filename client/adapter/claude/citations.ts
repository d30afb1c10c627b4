/** The web pages that Claude's text refers to, placed in the text as OpenAI's annotations are. */

import type { Annotation } from "../chat.ts";
import type { Citation } from "./wire.ts";

export class Citations {
  readonly annotations: Annotation[] = [];
  /** Where the text block began that is being told, and where the text ends now, in characters. */
  #start = 0;
  #end = 0;
  #open: Citation[] = [];

  /** More text of the block that is being told. */
  read(text: string): void {
    this.#end += text.length;
  }

  /** The block refers to something. Only what has an address can be told in OpenAI's words. */
  add(citation: Citation | null | undefined): void {
    if (citation?.url) this.#open.push(citation);
  }

  /** The block is over: what it referred to holds for all of it. */
  endBlock(): void {
    for (const { url = "", title } of this.#open.splice(0)) {
      const place = { start_index: this.#start, end_index: this.#end };
      this.annotations.push({
        type: "url_citation",
        url_citation: { ...place, url, title: title ?? url },
      });
    }
    this.#start = this.#end;
  }
}
