/**
 * Restores the model name that the caller requested: requests carry the provider's name instead. A
 * third name in the answer (a dated version, say) passes unchanged.
 */

import { lastMember, objectMembers, withMember } from "../../protocol/mod.ts";

/** A model's two names. */
export interface ModelNames {
  /** The provider's name for the model. */
  readonly model: string;
  /** The name that callers use at the gateway. */
  readonly askedModel: string;
}

type Json = Readonly<Record<string, unknown>>;

/** Members of an event that may hold the model's name: a response, a message. */
const HOLDERS = ["response", "message"];

/** Returns the answer or event with the requested model's name. `text` is the JSON text of `value`. */
export function withAskedModel(
  text: string,
  value: Json,
  { model, askedModel }: ModelNames,
): string {
  if (model === askedModel) return text;
  const requested = JSON.stringify(askedModel);
  if (value.model === model) return withMember(text, "model", requested);
  const holder = HOLDERS.find((name) => (value[name] as Json | null | undefined)?.model === model);
  if (holder === undefined) return text;
  const { start, end } = lastMember(objectMembers(text), holder)!;
  return withMember(text, holder, withMember(text.slice(start, end), "model", requested));
}
