/** Keys in a table: their limits, last use and actions. */

import type { BudgetUse, KeyView } from "../../../api/mod.ts";
import { Icon } from "../../part/Icon.tsx";
import { Meter } from "../../part/Meter.tsx";
import { Table } from "../../part/Table.tsx";
import { paths } from "../../route.ts";
import { serverNow } from "../../state/clock.ts";
import { now } from "../../state/live.ts";
import {
  formatAge,
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

export type KeyTool = "edit" | "rotate" | "revoke";

interface Props {
  keys: readonly KeyView[];
  /** What of their budgets is used; null: not known yet. */
  uses: readonly BudgetUse[] | null;
  onTool: (tool: KeyTool, entry: KeyView) => void;
}

export function KeyTable({ keys, uses, onTool }: Props) {
  const t = messages.value.keys.columns;
  return (
    <Table
      columns={[
        { name: t.name },
        { name: t.token },
        { name: t.lastUsed },
        { name: t.models },
        {
          name: t.rpm,
          isNumber: true,
        },
        { name: messages.value.budgets.budget },
        { name: t.expires },
      ]}
      hasTools
    >
      {keys.map((key) => (
        <Row
          key={key.id}
          entry={key}
          use={uses?.find(({ of, id }) => of === "key" && id === key.id) ?? null}
          onTool={onTool}
        />
      ))}
    </Table>
  );
}

interface RowProps {
  entry: KeyView;
  use: BudgetUse | null;
  onTool: Props["onTool"];
}

function Row({ entry, use, onTool }: RowProps) {
  const t = messages.value.keys;
  const nowMs = serverNow(now.value);
  const { name, kind, hint, state, last_used_at, models, rpm, expires_at } = entry;
  return (
    <tr>
      <th scope="row">
        {name} {kind === "client" && <span class={chipStyle.soft}>{t.kinds.client}</span>}
        {state === "replaced" && <span class={chipStyle.soft}>{t.replaced}</span>}
      </th>
      <td data-label={t.columns.token} class={tableStyle.unbroken}>
        <code>{hint}</code>
      </td>
      <td data-label={t.columns.lastUsed} class={tableStyle.unbroken}>
        {last_used_at === null ? t.never : formatAge(Math.max(0, nowMs - last_used_at))}
      </td>
      <td data-label={t.columns.models}>{models === null ? t.allModels : models.join(", ")}</td>
      <td data-label={t.columns.rpm} class={tableStyle.number}>
        {rpm === null ? t.noLimit : formatNumber(rpm)}
      </td>
      <td data-label={messages.value.budgets.budget}>
        {entry.budget === null ? t.noLimit : <Fullest use={use} />}
      </td>
      <td data-label={t.columns.expires} class={tableStyle.unbroken}>
        {expires_at === null ? t.noEnd : <Expiry atMs={expires_at} nowMs={nowMs} />}
      </td>
      <td class={tableStyle.tight}>
        <Actions entry={entry} onTool={onTool} />
      </td>
    </tr>
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

function Actions({ entry, onTool }: { entry: KeyView; onTool: Props["onTool"] }) {
  const t = messages.value.keys;
  return (
    <div class={buttonStyle.actionsEnd}>
      {entry.state === "active" && (
        <>
          <Tool icon="edit" label={t.edit(entry.name)} onClick={() => onTool("edit", entry)} />
          <Tool
            icon="rotate"
            label={t.rotate(entry.name)}
            onClick={() => onTool("rotate", entry)}
          />
        </>
      )}
      <Tool icon="trash" label={t.revoke(entry.name)} onClick={() => onTool("revoke", entry)} />
    </div>
  );
}

interface ToolProps {
  icon: "edit" | "rotate" | "trash";
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
