/** Why a node takes calls or does not, and what its owner can do about it, in the chosen language. */

import type { NodeGone, NodeSentence, NodeView } from "../../../api/mod.ts";
import { formatAge, formatMoment, messages } from "../../state/locale.ts";
import { phraseText } from "../../state/phrases.ts";
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
  { pause_reason: reason, pause_message: message, paused_until: untilMs }: NodeView,
  nowMs: number,
): string {
  const t = messages.value.nodes;
  const isAhead = untilMs !== null && untilMs > nowMs;
  if (reason === null && !isAhead) return t.causes.paused;
  // A pause that was set in the console has no reason of the node's.
  const known = reason === null ? t.says.paused_by_owner() : nodeSays(reason, message);
  return isAhead ? t.pausedUntil(known, formatMoment(untilMs)) : known;
}

/** What a node's program says: by its meaning in the chosen language, else in its own words. */
export function nodeSays(words: string, message: NodeSentence | null): string {
  if (message === null) return asSentence(words);
  const { code, value } = message;
  const shown = code === "config_refused" ? phraseText(value ?? "") : value ?? "";
  return messages.value.nodes.says[code](shown);
}

function asCause({ model, code, reason, secondsLeft }: Obstacle): Cause {
  const t = messages.value.nodes;
  const known = code === null ? null : faultOf(code);
  const why = known?.cause ?? asSentence(reason ?? t.unknownReason);
  const text = secondsLeft > 0 ? t.away(why, secondsLeft) : t.tried(why);
  return {
    text: model === null ? text : t.ofModel(model, text),
    fix: known?.fix ?? null,
  };
}

/** A failure for which a node cools down; null: this console does not know the code. */
export function faultOf(code: string): { cause: string; fix: string | null } | null {
  const { nodes: { faults }, errors } = messages.value;
  if (has(faults, code)) return faults[code];
  return has(errors, code) ? { cause: errors[code], fix: null } : null;
}

function ofAway({ gone, lastSeenMs }: ListedNode, nowMs: number): Cause[] {
  const t = messages.value.nodes;
  const sinceMs = gone?.at ?? lastSeenMs;
  const since = sinceMs === null ? null : t.awaySince(formatAge(Math.max(0, nowMs - sinceMs)));
  const why = gone ? goneText(gone.code) : null;
  const text = [why?.cause, since].filter(Boolean).join(t.gap);
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
