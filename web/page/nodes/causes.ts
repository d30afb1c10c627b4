/** Why a node takes calls or does not, and what its owner can do about it, in the chosen language. */

import type { NodeGone, NodeView } from "../../../api/mod.ts";
import { formatAge, formatMoment, messages } from "../../state/locale.ts";
import { has } from "../../state/words.ts";
import type { ListedNode } from "./listed.ts";
import { type Obstacle, obstacles, secondsLeft } from "./node_state.ts";

export interface Cause {
  text: string;
  /** What the owner can do; null: nothing. */
  fix: string | null;
}

/** `nowMs` is the gateway's time. */
export function causes(node: ListedNode, nowMs: number): Cause[] {
  return node.live ? ofLive(node.live, nowMs) : ofAway(node, nowMs);
}

function ofLive(node: NodeView, nowMs: number): Cause[] {
  const own = ownText(node, nowMs);
  const against = obstacles(node, nowMs).map(asCause);
  return own === "" ? against : [{ text: own, fix: null }, ...against];
}

function ownText(node: NodeView, nowMs: number): string {
  const t = messages.value.nodes;
  switch (node.state) {
    case "paused":
      return pausedText(node, nowMs);
    case "reconnecting":
      return t.reconnectingFor(secondsLeft(node.reconnecting_until ?? nowMs, nowMs));
    default:
      return t.causes[node.state];
  }
}

/** A node that its owner's terms have paused says why itself. */
function pausedText(
  { pause_reason: reason, paused_until: untilMs }: NodeView,
  nowMs: number,
): string {
  const t = messages.value.nodes;
  const isAhead = untilMs !== null && untilMs > nowMs;
  if (reason === null && !isAhead) return t.causes.paused;
  const known = textOfReason(reason ?? PAUSED_HERE);
  return isAhead ? t.pausedUntil(known, formatMoment(untilMs)) : known;
}

/** A pause that was set in the console, in the node program's words for its own. */
const PAUSED_HERE = "the owner has paused the node";

/** What the owner's terms say, as a sentence. */
export function textOfReason(reason: string): string {
  const { pauseReasons } = messages.value.nodes;
  return pauseReasons[reason as keyof typeof pauseReasons] ?? asSentence(reason);
}

function asCause({ model, code, reason, secondsLeft }: Obstacle): Cause {
  const t = messages.value.nodes;
  const known = code !== null && has(t.faults, code) ? t.faults[code] : null;
  const why = known?.cause ?? asSentence(reason ?? t.unknownReason);
  const text = secondsLeft > 0 ? t.away(why, secondsLeft) : t.tried(why);
  return {
    text: model === null ? text : t.ofModel(model, text),
    fix: known?.fix ?? null,
  };
}

function ofAway({ gone, lastSeenMs }: ListedNode, nowMs: number): Cause[] {
  const t = messages.value.nodes;
  const sinceMs = gone?.at ?? lastSeenMs;
  const since = sinceMs === null ? null : t.awaySince(formatAge(Math.max(0, nowMs - sinceMs)));
  const why = gone ? goneText(gone.code) : null;
  const text = [why?.cause, since].filter(Boolean).join(" ");
  return [{ text: text || t.causes.away, fix: why?.fix ?? null }];
}

function goneText(code: NodeGone["code"]): { cause: string; fix: string } {
  return messages.value.nodes.goneBy[code];
}

/** The gateway's reasons are sentence fragments; here a reason precedes another sentence. */
function asSentence(reason: string): string {
  const whole = reason.charAt(0).toUpperCase() + reason.slice(1);
  return whole.replace(/[.。\s]*$/, messages.value.nodes.fullStop);
}
