/** The last link to a gateway that leaves: over it the calls of a lost one end, and nothing else is served. */

import { CloseCode } from "../../protocol/mod.ts";
import { pause } from "../world.ts";
import type { Backoff } from "./backoff.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import type { WireSessionV2 } from "./wire_session_v2.ts";

/** A gateway is dialled within the first time, then within the second, however often. */
const FIRST_WITHIN_MS = 400;
const AGAIN_WITHIN_MS = 1_000;
/** How long one may take to accept the connection. */
const OPEN_WITHIN_MS = 5_000;

export interface LastLinkOptions
  extends Pick<ConnectionOptions, "token" | "register" | "runner" | "world"> {
  /** Gateways of the network, of which any may lead to the one that leaves. */
  urls: readonly URL[];
  /** Which of them is dialled first. */
  urlIndex: number;
  backoff: Backoff;
  /** Ends the attempts. */
  signal: AbortSignal;
}

/** Dials until a gateway goes on with the session. Null: none does. */
export async function dialLastLink(
  session: WireSessionV2,
  options: LastLinkOptions,
): Promise<Connection | null> {
  const { urls, urlIndex, backoff, world, signal } = options;
  const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  for (let dials = 0; !signal.aborted; dials++) {
    await pause(world, backoff.withinMs(dials === 0 ? FIRST_WITHIN_MS : AGAIN_WITHIN_MS), signal);
    if (signal.aborted) break;
    const { link, settled } = dial(session, options, urls[(urlIndex + dials) % urls.length]!);
    const outcome = await Promise.race([settled, link.ended, aborted]);
    const isOffered = link.session === session;
    if (outcome === "settled" && isOffered && !signal.aborted) return link;
    const isLost = typeof outcome === "object" && (!isOffered || outcome.session !== null);
    if (isLost) continue;
    link.close(CloseCode.normal, "its calls have ended");
    break;
  }
  return null;
}

function dial(session: WireSessionV2, { register, ...options }: LastLinkOptions, url: URL) {
  const { promise: settled, resolve: settle } = Promise.withResolvers<"settled">();
  let lost: WireSessionV2 | null = session;
  const link = new Connection({
    ...options,
    url,
    register: () => ({ ...register(), resume: { or_close: true } }),
    asksForV2: true,
    lostSession: () => lost,
    openWithinMs: OPEN_WITHIN_MS,
    onRegistered: () => {},
    onLostSettled: () => {
      lost = null;
      settle("settled");
    },
  });
  return { link, settled };
}
