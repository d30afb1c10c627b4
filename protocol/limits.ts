/** Sizes and times that both ends of the wire must agree on. */

/** How deep a JSON body may nest. Deeper ones are rejected before they are parsed. */
export const MAX_JSON_DEPTH = 64;

/** How many members a call's JSON body may have; endpoints take a few dozen. */
export const MAX_JSON_MEMBERS = 1000;

/** How many models one node may announce. */
export const MAX_MODELS_PER_NODE = 1000;

/** How long one model's name may be, in characters. */
export const MAX_MODEL_NAME_CHARS = 200;

/** The largest number of calls that one node may take at a time. */
export const MAX_PARALLEL_LIMIT = 10_000;

/** How many malformed frames in a row end a connection. */
export const MAX_MALFORMED_IN_A_ROW = 10;

/**
 * How many bytes may come within a minute that belong to no running call before they end a connection:
 * registrations, changes, malformed frames, those of unknown types, and those of calls that have ended.
 */
export const MAX_BYTES_BESIDE_CALLS = 16 * 1024 * 1024;
export const BESIDE_CALLS_WITHIN_MS = 60_000;

/**
 * A body or an answer may come in so many pieces, and in more if they have so many bytes on average: each
 * takes time and memory, however short it is.
 */
export const MAX_SMALL_PIECES = 5_000;
export const MIN_PIECE_BYTES = 32;

/** What a v1 frame may carry around a piece of an answer; more of it belongs to no call. */
export const MAX_ENVELOPE_BYTES = 1024;

/** A frame that belongs to no call counts as at least so many bytes: reading a frame costs, however short it is. */
export const MIN_IGNORED_BYTES = 1024;

/**
 * A node may send so many pings, and pongs that it was not asked for, within a minute before its link
 * ends. WebSocket's own keep-alive needs a few.
 */
export const MAX_PINGS_A_MINUTE = 600;

/** A node may change its offer so often within a minute, in REGISTER and STATUS, before its link ends. */
export const MAX_CHANGES_A_MINUTE = 2_000;

/**
 * While a link is lost, each end keeps so many bytes for the other until it is back: of one call, and of
 * all. A node keeps answers, and reads its upstreams no further than that; a gateway keeps bodies that
 * may not have arrived, and sends calls with more of them elsewhere.
 */
export const MAX_KEPT_PER_STREAM = 8 * 1024 * 1024;
export const MAX_KEPT_PER_LINK = 32 * 1024 * 1024;
