/** Keys in a table: their limits, last use and actions. */

import type { BudgetUse, KeyView, TokenKind } from "../../../api/mod.ts";
import { CopyButton } from "../../part/CopyButton.tsx";
import { Icon, type IconName } from "../../part/Icon.tsx";
import { Meter } from "../../part/Meter.tsx";
import { Table } from "../../part/Table.tsx";
import { paths } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { now } from "../../state/live.ts";
import {
  formatAge,
  formatList,
  formatMoment,
  formatNumber,
  formatShort,
  messages,
} from "../../state/locale.ts";
import { buttonClass } from "../../part/button.ts";
import * as chipStyle from "../../part/chip.module.css";
import * as tableStyle from "../../part/Table.module.css";
import * as buttonStyle from "../../part/button.module.css";
import * as style from "./KeyTable.module.css";
import { nameOf } from "./limits.ts";

export type KeyTool = "use" | "edit" | "rotate" | "revoke";

interface Props {
  keys: readonly KeyView[];
  /** The account's own two, which stay copyable; empty: it can no longer be read. */
  tokens: Readonly<Record<TokenKind, string>>;
  /** What of their budgets is used; null: not known yet. */
  uses: readonly BudgetUse[] | null;
  onTool: (tool: KeyTool, entry: KeyView) => void;
}

export function KeyTable({ keys, tokens, uses, onTool }: Props) {
  const t = messages.value.keys.columns;
  return (
    <Table
      columns={[
        { name: t.name },
        { name: t.mayUse },
        { name: t.lastUsed },
        { name: t.expires },
      ]}
      hasTools
    >
      {keys.map((key) => (
        <Row
          key={key.id}
          entry={key}
          token={key.is_default ? tokens[key.kind] : ""}
          use={uses?.find(({ of, id }) => of === "key" && id === key.id) ?? null}
          onTool={onTool}
        />
      ))}
    </Table>
  );
}

interface RowProps {
  entry: KeyView;
  /** Empty: it was shown once. */
  token: string;
  use: BudgetUse | null;
  onTool: Props["onTool"];
}

function Row({ entry, token, use, onTool }: RowProps) {
  const t = messages.value.keys;
  const nowMs = serverNow(now.value);
  const { kind, hint, state, last_used_at, expires_at } = entry;
  const name = nameOf(entry);
  return (
    <tr>
      <th scope="row">
        {name} {state === "replaced" && <span class={chipStyle.soft}>{t.replaced}</span>}
        <div class={style.token}>
          <code>{hint}</code>
          {token !== "" && <CopyButton text={token} label={name} />}
        </div>
      </th>
      <td data-label={t.columns.mayUse}>
        {kind === "client" ? t.kinds.client : <Limits entry={entry} use={use} />}
      </td>
      <td data-label={t.columns.lastUsed} class={tableStyle.unbroken}>
        {last_used_at === null ? t.never : formatAge(Math.max(0, nowMs - last_used_at))}
      </td>
      <td data-label={t.columns.expires} class={tableStyle.unbroken}>
        {expires_at === null ? t.noEnd : <Expiry atMs={expires_at} nowMs={nowMs} />}
      </td>
      <td class={tableStyle.tight}>
        <Actions entry={entry} isCopyable={token !== ""} onTool={onTool} />
      </td>
    </tr>
  );
}

function Limits({ entry: { models, rpm, budget }, use }: Pick<RowProps, "entry" | "use">) {
  const t = messages.value.keys;
  return (
    <div class={style.limits}>
      <span>{models === null ? t.allModels : formatList(models)}</span>
      {rpm !== null && <span class="hint">{t.perMinute(formatNumber(rpm))}</span>}
      {budget !== null && <Fullest use={use} />}
    </div>
  );
}

/** The limit of a budget that is nearest to its end; all of them are on the page of budgets. */
function Fullest({ use }: { use: BudgetUse | null }) {
  const t = messages.value.budgets;
  const [fullest] = use?.limits.toSorted((a, b) => b.used / b.limit - a.used / a.limit) ?? [];
  if (fullest === undefined) return <a href={paths.budgets}>{t.title}</a>;
  const { name, used, limit } = fullest;
  return (
    <a href={paths.budgets} title={t.names[name]}>
      <Meter
        label={t.names[name]}
        text={t.usedOf(formatShort(used), formatShort(limit))}
        value={used}
        max={limit}
      />
    </a>
  );
}

const SOON_MS = 7 * 86_400_000;

function Expiry({ atMs, nowMs }: { atMs: number; nowMs: number }) {
  const isSoon = atMs - nowMs < SOON_MS;
  return (
    <span class={isSoon ? style.soon : undefined}>
      {isSoon && <Icon name="warning" />} {formatMoment(atMs)}
    </span>
  );
}

interface ActionsProps {
  entry: KeyView;
  isCopyable: boolean;
  onTool: Props["onTool"];
}

const icons: Readonly<Record<KeyTool, IconName>> = {
  use: "code",
  edit: "edit",
  rotate: "rotate",
  revoke: "trash",
};

function Actions({ entry, isCopyable, onTool }: ActionsProps) {
  const t = messages.value.keys;
  const isActive = entry.state === "active";
  const offered: Readonly<Record<KeyTool, boolean>> = {
    use: isCopyable,
    edit: isActive,
    rotate: isActive,
    // The account always has its own two.
    revoke: !entry.is_default,
  };
  return (
    <div class={buttonStyle.actionsEnd}>
      {(Object.keys(icons) as KeyTool[]).filter((tool) => offered[tool]).map((tool) => (
        <Tool
          key={tool}
          icon={icons[tool]}
          label={t[tool](nameOf(entry))}
          onClick={() => onTool(tool, entry)}
        />
      ))}
    </div>
  );
}

interface ToolProps {
  icon: IconName;
  label: string;
  onClick: () => void;
}

function Tool({ icon, label, onClick }: ToolProps) {
  return (
    <button
      type="button"
      class={buttonClass("iconOnly", "small")}
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
