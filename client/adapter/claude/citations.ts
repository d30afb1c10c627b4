/** Collects Claude's web citations, with their positions in the text. */

import type { WebCitation } from "../bridge/answer_event.ts";
import type { Citation } from "./wire.ts";

export class Citations {
  /** Start of the open text block and end of the text so far, in characters. */
  #start = 0;
  #end = 0;
  #open: Citation[] = [];

  /** Counts more text of the open block. */
  read(text: string): void {
    this.#end += text.length;
  }

  /** Adds a citation of the open block. Only web pages have a URL. */
  add(citation: Citation | null | undefined): void {
    if (citation?.url) this.#open.push(citation);
  }

  /** Ends the block and returns its citations, which span all of it. */
  endBlock(): WebCitation[] {
    const [start, end] = [this.#start, this.#end];
    this.#start = this.#end;
    return this.#open.splice(0).map(({ url = "", title }) => ({
      url,
      title: title ?? url,
      start,
      end,
    }));
  }
}
