/** Whose calls a node takes, in words. */

import type { NodeView } from "../../../api/mod.ts";
import { formatList, messages } from "../../state/locale.ts";

/** Null: the node does not say it to this account. */
export function sharing({ share_with, mine }: NodeView): string | null {
  const t = messages.value.nodes.sharing;
  if (share_with === null) return null;
  const [first = ""] = share_with;
  if (first === "everyone") return t.everyone;
  if (first === "me") return mine ? t.you : t.owner;
  return t.names(formatList(share_with.map((name) => name.replace(/^(group|user):/, ""))));
}
