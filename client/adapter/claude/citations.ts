/** Converts Claude's web citations into OpenAI's annotations, with their positions in the text. */

import type { Annotation } from "../chat.ts";
import type { Citation } from "./wire.ts";

export class Citations {
  readonly annotations: Annotation[] = [];
  /** Start of the open text block and end of the text so far, in characters. */
  #start = 0;
  #end = 0;
  #open: Citation[] = [];

  /** Counts more text of the open block. */
  read(text: string): void {
    this.#end += text.length;
  }

  /** Adds a citation of the open block. OpenAI's annotations require a URL. */
  add(citation: Citation | null | undefined): void {
    if (citation?.url) this.#open.push(citation);
  }

  /** Ends the block: its citations span all of it. */
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
