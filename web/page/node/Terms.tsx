/** For whom a node is, and on which terms its owner lends it. */

import type { NodeView } from "../../../api/mod.ts";
import { Facts } from "../../part/Facts.tsx";
import { manualPath } from "../../route.ts";
import { locale } from "../../state/locale.ts";
import * as panelStyle from "../../part/panel.module.css";
import { has } from "../../state/words.ts";
import { sharing } from "../nodes/sharing.ts";
import * as style from "./NodeDetail.module.css";
import { texts } from "./texts.ts";

/** Nothing for those to whom the node does not say it. */
export function Terms({ node }: { node: NodeView }) {
  const t = texts.value.terms;
  const whose = sharing(node);
  if (whose === null) return null;
  const policy = node.machine?.policy ?? null;
  const rows = policy === null ? [[t.when, t.unknown] as const] : termsOf(policy);
  return (
    <section class={panelStyle.panel}>
      <h2 class={style.title}>{t.title}</h2>
      <Facts rows={[[t.whose, whose], ...rows]} />
      <p class="hint">
        {t.hint} <a href={manualPath(locale.value, "sharing")} target="_blank">{t.more}</a>
      </p>
    </section>
  );
}

function termsOf(policy: Readonly<Record<string, string>>): [name: string, value: string][] {
  const t = texts.value.terms;
  const known = Object.entries(policy).map(([key, value]): [string, string] => {
    if (key === "yield" && has(t.yields, value)) return [t.names.yield, t.yields[value]];
    return [has(t.names, key) ? t.names[key] : key, value];
  });
  const isLimited = Object.keys(policy).some((key) => key !== "yield");
  return isLimited ? known : [[t.when, t.always], ...known];
}
