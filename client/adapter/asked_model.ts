/**
 * Gives answers back the name under which their model was asked for. The node has exchanged it for
 * the provider's on the way there; what the provider calls something else of its own (a dated
 * version, say) it tells as it is.
 */

import { lastMember, objectMembers, withMember } from "../../protocol/mod.ts";

/** A model's two names. */
export interface ModelNames {
  /** At the provider. */
  readonly model: string;
  /** At the gateway. */
  readonly askedModel: string;
}

type Json = Readonly<Record<string, unknown>>;

/** What an event may hold that names the model: a response, a message. */
const HOLDERS = ["response", "message"];

/** The JSON text of an answer, or of one of its events, that says `said`: the same, but for the model's name. */
export function withAskedModel(
  text: string,
  said: Json,
  { model, askedModel }: ModelNames,
): string {
  if (model === askedModel) return text;
  const asked = JSON.stringify(askedModel);
  if (said.model === model) return withMember(text, "model", asked);
  const holder = HOLDERS.find((name) => (said[name] as Json | null | undefined)?.model === model);
  if (holder === undefined) return text;
  const { start, end } = lastMember(objectMembers(text), holder)!;
  return withMember(text, holder, withMember(text.slice(start, end), "model", asked));
}
