/** Counts the events of a stream in pieces that may be cut anywhere. */

const EVENT = Buffer.from("data: {");
const DONE = Buffer.from("data: [DONE]");
const EVENT_END = Buffer.from("\n\n");
/** So many bytes of one piece may begin a word that ends in the next. */
const KEPT_BYTES = DONE.length - 1;
const NOTHING = Buffer.alloc(0);

export class EventCounter {
  /** Events that carry an object. */
  events = 0;
  /** Whether `[DONE]` came. */
  isDone = false;
  #rest: Buffer = NOTHING;

  take(piece: Buffer): void {
    if (this.#rest.length > 0) this.#countAcross(piece);
    this.events += count(piece, EVENT);
    this.isDone ||= piece.includes(DONE);
    // Nearly every piece ends with an event, and then nothing can lie across its end.
    const isCut = !piece.subarray(-EVENT_END.length).equals(EVENT_END);
    this.#rest = isCut ? keptEnd(this.#rest, piece) : NOTHING;
  }

  /** Looks for what begins before this piece and ends in it. */
  #countAcross(piece: Buffer): void {
    const seam = Buffer.concat([this.#rest, piece.subarray(0, KEPT_BYTES)]);
    const start = Math.max(0, this.#rest.length - EVENT.length + 1);
    const end = this.#rest.length + EVENT.length - 1;
    this.events += count(seam.subarray(start, end), EVENT);
    this.isDone ||= seam.includes(DONE);
  }
}

/** The last bytes of all that came, copied: pieces are good for a moment only. */
function keptEnd(rest: Buffer, piece: Buffer): Buffer {
  return Buffer.concat([rest, piece.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES);
}

function count(bytes: Buffer, word: Buffer): number {
  let found = 0;
  for (let at = bytes.indexOf(word); at >= 0; at = bytes.indexOf(word, at + word.length)) found++;
  return found;
}
