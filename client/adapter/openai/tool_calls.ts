/**
 * Tells the tool calls of one choice apart and numbers them from 0 without gaps: SDK helpers reject
 * other numbers. Servers reuse an index for parallel calls, change the id with each delta, send id or
 * name late or again, or omit index and id.
 */

import { isObject, type Json } from "../json_object.ts";

interface Call {
  index: number;
  id: string;
  name: string;
  /** Whether the caller received an id that the provider did not send. */
  hasMadeId: boolean;
  /** The arguments so far; only known for deltas without index or id. */
  argumentsText: string;
}

export class ToolCallTracker {
  readonly #calls: Call[] = [];
  /** The current call at each of the upstream's own indexes. */
  readonly #byIndex = new Map<unknown, Call>();

  /** Whether no tool was called. */
  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  /** Repairs the deltas in `tool_calls`. Returns whether any was changed. */
  repair(deltas: unknown): boolean {
    if (!Array.isArray(deltas)) return false;
    let repaired = false;
    for (const delta of deltas) {
      if (isObject(delta)) repaired = this.#repairOne(delta) || repaired;
    }
    return repaired;
  }

  #repairOne(delta: Json): boolean {
    const id = textIn(delta.id);
    const called = isObject(delta.function) ? delta.function : delta.custom;
    const [name, text] = isObject(called)
      ? [textIn(called.name), textIn(called.arguments)]
      : ["", ""];
    const isNumbered = delta.index !== undefined && delta.index !== null;
    const call = this.#callOf(delta.index, id, name);
    const isWrong = [
      delta.index !== call.index,
      // Readers that join all texts would double them.
      id !== "" && (call.id !== "" || call.hasMadeId) && delete delta.id,
      name !== "" && name === call.name && delete (called as Json).name,
    ].some(Boolean);
    if (!isNumbered || (call.id === "" && id === "")) call.argumentsText += text;
    delta.index = call.index;
    call.id ||= id;
    call.name ||= name;
    return this.#giveId(delta, call, text) || isWrong;
  }

  /** Without an id no result can name its call. Where arguments come first, no id follows. */
  #giveId(delta: Json, call: Call, argumentsText: string): boolean {
    if (call.id !== "" || call.hasMadeId || call.name === "" || argumentsText === "") return false;
    call.hasMadeId = true;
    delta.id = newCallId();
    return true;
  }

  #callOf(index: unknown, id: string, name: string): Call {
    if (index === undefined || index === null) return this.#unnumbered(id, name);
    const current = this.#byIndex.get(index);
    const call = current === undefined
      ? this.#withId(id) ?? this.#begin()
      : isNew(current, id, name)
      ? this.#begin()
      : current;
    this.#byIndex.set(index, call);
    return call;
  }

  /** The call of a delta without an index: by its id, else the last one unless a name begins another. */
  #unnumbered(id: string, name: string): Call {
    const last = this.#calls.at(-1);
    if (last === undefined) return this.#begin();
    if (id !== "") {
      const isLate = last.id === "" && (last.name === "" || name === "");
      return this.#withId(id) ?? (isLate ? last : this.#begin());
    }
    return isNext(last, name) ? this.#begin() : last;
  }

  #withId(id: string): Call | undefined {
    return id === "" ? undefined : this.#calls.find((call) => call.id === id);
  }

  #begin(): Call {
    const index = this.#calls.length;
    const call = { index, id: "", name: "", hasMadeId: false, argumentsText: "" };
    this.#calls.push(call);
    return call;
  }
}

/** An id for a call that the provider sent without one. */
export function newCallId(): string {
  return `call_${crypto.randomUUID().replaceAll("-", "")}`;
}

/** A new id together with a name begins a new call, even at a known index. */
function isNew(current: Call, id: string, name: string): boolean {
  if (id === "" && current.id === "") return isNext(current, name);
  return id !== "" && name !== "" && current.id !== "" && current.name !== "" && id !== current.id;
}

/** Without ids, a name after whole arguments begins the next call. */
function isNext(last: Call, name: string): boolean {
  return name !== "" && last.name !== "" && isWhole(last.argumentsText);
}

function isWhole(argumentsText: string): boolean {
  try {
    JSON.parse(argumentsText);
    return true;
  } catch {
    return false;
  }
}

function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}
