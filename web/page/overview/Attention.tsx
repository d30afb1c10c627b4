/** What an administrator should look at first: each finding with its next step. */

import type { Attention as Finding, AttentionKind } from "../../../api/mod.ts";
import { buttonClass } from "../../part/button.ts";
import { Icon } from "../../part/Icon.tsx";
import * as panelStyle from "../../part/panel.module.css";
import { manualPath, nodePath, paths } from "../../route.ts";
import { formatList, formatMoment, locale, messages } from "../../state/locale.ts";
import { has } from "../../state/words.ts";
import * as style from "./Overview.module.css";
import { texts } from "./texts.ts";

type Holder = NonNullable<Finding["holders"]>[number];

/** Where the next step is done, unless what is concerned has a place of its own. */
const targets: Partial<Record<AttentionKind, string>> = {
  provider_key: `${paths.nodes}?view=attention`,
  penalized: `${paths.nodes}?view=attention`,
  unapproved: `${paths.admin}?tab=nodes`,
  kept_administrator: `${paths.admin}?tab=users`,
  budgets: `${paths.admin}?tab=users`,
  lost: `${paths.nodes}?view=attention`,
  node_version: `${paths.nodes}?sort=version`,
};

/** Where the budget of an account or a group is seen and raised. */
const placeOf: Record<Holder["of"], (holder: Holder) => string> = {
  account: ({ name }) => `${paths.admin}?tab=users&q=${encodeURIComponent(name)}`,
  group: ({ id }) => `${paths.admin}?tab=groups&group=${encodeURIComponent(id)}`,
};

/** The page of the manual that has the next step, where no page of the console has it. */
const manuals: Partial<Record<AttentionKind, string>> = {
  store: "deployment",
  ledger: "deployment",
  limits: "scaling",
  gateways: "scaling",
  disk: "deployment",
  certificate: "deployment",
  plain_http: "deployment",
  untrusted_proxy: "deployment",
  gateway_version: "deployment",
  backup: "deployment",
};

export function Attention({ findings }: { findings: readonly Finding[] }) {
  const t = texts.value;
  return (
    <section class={panelStyle.panel} aria-labelledby="attention">
      <div class={panelStyle.head}>
        <h2 id="attention">{t.attentionTitle}</h2>
      </div>
      {findings.length === 0
        ? (
          <p class={style.well}>
            <Icon name="check" /> {t.allWell}
          </p>
        )
        : (
          <ul class={style.findings}>
            {findings.filter(({ kind }) => has(t.attention, kind)).map((finding) => (
              <li key={finding.kind} data-severity={finding.severity}>
                <Icon name="warning" />
                <Advice finding={finding} />
              </li>
            ))}
          </ul>
        )}
    </section>
  );
}

function Advice({ finding }: { finding: Finding }) {
  const t = texts.value;
  const { kind, count, nodes, at, code } = finding;
  const { title, next, action } = t.attention[kind];
  const names = t.more(formatList(nodes.map(({ name }) => name)), count - nodes.length);
  // What an older or newer gateway knows as another kind is quoted.
  const detail = finding.cause && has(t.troubles, finding.cause)
    ? t.troubles[finding.cause]
    : finding.detail ?? "";
  const moment = at === null ? "" : formatMoment(at);
  const { faults } = messages.value.nodes;
  const cause = code === null
    ? ""
    : has(faults, code)
    ? faults[code].cause + messages.value.nodes.gap
    : "";
  // One node has its own page, with the cause and what its owner can do.
  const only = kind !== "unapproved" && count === 1 ? nodes[0] : undefined;
  const manual = manuals[kind];
  const holders = finding.holders ?? [];
  const areAllLinked = holders.length > 0 && count <= holders.length;
  const href = only ? nodePath(only.id) : areAllLinked ? undefined : targets[kind];
  return (
    <>
      <div>
        <h3>{title({ count, names, at: moment, detail })}</h3>
        <p class="hint">{cause}{next}</p>
        {holders.length > 0 && (
          <ul class={style.holders}>
            {holders.map((holder) => (
              <li key={holder.id}>
                <a href={placeOf[holder.of](holder)}>{holder.name}</a>
              </li>
            ))}
          </ul>
        )}
      </div>
      {href && action !== "" && <a class={buttonClass("small")} href={href}>{action}</a>}
      {manual !== undefined && (
        <a class={buttonClass("small")} href={manualPath(locale.value, manual)} target="_blank">
          {t.howTo}
        </a>
      )}
    </>
  );
}
