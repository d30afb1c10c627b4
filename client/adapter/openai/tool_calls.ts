/**
 * Tells the tool calls of one choice apart and numbers them from 0 without gaps: SDK helpers reject
 * other numbers. Servers reuse an index for parallel calls, change the id with each delta, send id or
 * name late, or omit index and id.
 */

import { isObject, type Json } from "../json_object.ts";

interface Call {
  index: number;
  id: string;
  name: string;
  /** The arguments so far; only known for calls without an index. */
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
    const name = isObject(called) ? textIn(called.name) : "";
    const call = this.#callOf(delta.index, id, name);
    const hasOtherId = id !== "" && call.id !== "" && id !== call.id;
    const isWrong = hasOtherId || delta.index !== call.index;
    if (hasOtherId) delete delta.id;
    if (delta.index === undefined || delta.index === null) {
      call.argumentsText += isObject(called) ? textIn(called.arguments) : "";
    }
    delta.index = call.index;
    call.id ||= id;
    call.name ||= name;
    return isWrong;
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
    const isNext = name !== "" && last.name !== "" && isWhole(last.argumentsText);
    return isNext ? this.#begin() : last;
  }

  #withId(id: string): Call | undefined {
    return id === "" ? undefined : this.#calls.find((call) => call.id === id);
  }

  #begin(): Call {
    const call = { index: this.#calls.length, id: "", name: "", argumentsText: "" };
    this.#calls.push(call);
    return call;
  }
}

/** A new id together with a name begins a new call, even at a known index. */
function isNew(current: Call, id: string, name: string): boolean {
  return id !== "" && name !== "" && current.id !== "" && current.name !== "" && id !== current.id;
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
